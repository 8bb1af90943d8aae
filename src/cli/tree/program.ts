import type { CommandSpec } from "../command.ts";

export const versionSpec = {
  path: ["version"],
  summary: "print the version",
  options: {},
  examples: [{ does: "the version of Lading, and of Node under it, as JSON", line: "version --json" }],
} as const satisfies CommandSpec;

export const completionSpec = {
  path: ["completion"],
  summary: "print a completion script for a shell",
  description: "The script asks lading itself what fits, so it never grows old.",
  arguments: [
    { name: "shell", choices: ["bash", "zsh", "fish", "powershell"], help: "bash, zsh, fish or powershell" },
  ],
  options: {},
  examples: [
    { does: "bash: in ~/.bashrc", line: "completion bash" },
    {
      does: "fish: as a file that fish loads",
      line: "completion fish > ~/.config/fish/completions/lading.fish",
    },
  ],
} as const satisfies CommandSpec;

export const completeSpec = {
  path: ["__complete"],
  summary: "what fits after these words, for completion scripts",
  arguments: [
    { name: "words", many: true, optional: true, help: "the words of the line, the last one unfinished" },
  ],
  options: {},
  examples: [],
  hidden: true,
} as const satisfies CommandSpec;
