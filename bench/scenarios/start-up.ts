import type { Scenario, Side } from "../scenario.ts";

export const scenario: Scenario = {
  name: "start-up",
  title: "starts of the program, one after the other",
  async prepare({ lading, quick }) {
    // One alone is too short to tell.
    const starts = quick ? 5 : 20;
    const side = (name: string, ...words: readonly string[]): Side => ({
      name,
      command: () => [
        ...["sh", "-ec", `for i in $(seq ${starts}); do "$@" > /dev/null; done`, "sh", process.execPath],
        ...words,
      ],
      content: async () => "nothing",
    });
    return {
      bytes: 0,
      input: `${starts} starts`,
      baseline: "node -e 0",
      sides: [
        side("lading version", lading, "version"),
        side("lading push --help", lading, "push", "--help"),
        side("node -e 0", "-e", "0"),
      ],
    };
  },
};
