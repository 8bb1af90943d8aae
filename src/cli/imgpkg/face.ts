import { paintFor } from "../color.ts";
import type { CommandSpec } from "../command.ts";
import { exitCodes } from "../exit-codes.ts";
import type { Face, FaceStreams } from "../face.ts";
import { Interrupted } from "../interrupt.ts";
import { writeAll } from "../output.ts";
import { chooseReporter } from "../reporters/choose.ts";
import { printable } from "../table.ts";
import { commands } from "../tree/tree.ts";
import { layOut, sentenceOf } from "./errors.ts";
import { errorJson, partsJson } from "./json.ts";
import { renderParts, succeeded } from "./output.ts";
import type { ImgpkgPart } from "./parts.ts";
import { imgpkgReporter } from "./reporter.ts";
import { complaintAbout, unfinishedComplaint } from "./usage.ts";

const iaasVariable = "IMGPKG_ENABLE_IAAS_AUTH";
const iaasLine =
  `${iaasVariable} environment variable will be deprecated, ` +
  "please use the flag --activate-keychain to activate the needed keychains";

/** The program when it is called as imgpkg: the same work, with imgpkg's output, errors and two exit codes. */
export function imgpkgFace({ environment, stdout, stderr }: FaceStreams): Face {
  const fail: Face["fail"] = async (error, options, where) => {
    const sentence = ("line" in where ? complaintAbout(where.line) : undefined) ?? sentenceOf(error);
    const laidOut = layOut(sentence).split("\n").map(printable).join("\n");
    const paint = paintFor(options.color === "never" ? "never" : "auto", stderr(), environment);
    await writeAll(stderr(), `${paint.red(`imgpkg: Error: ${laidOut}`)}\n`);
    if (options.json) await writeAll(stdout(), errorJson(sentence));
    return error instanceof Interrupted ? exitCodes.interrupted : exitCodes.failed;
  };
  return {
    name: "imgpkg",
    fail,
    help: async ({ asked, text }, words) => {
      if (asked) {
        await writeAll(stdout(), words[0] === "help" ? text : succeeded(text));
        return exitCodes.done;
      }
      await writeAll(stdout(), text);
      const line = `imgpkg: Error: ${unfinishedComplaint(words)}\n`;
      await writeAll(stderr(), line);
      return exitCodes.failed;
    },
    begin: async ({ name, options }) => {
      const { options: known }: CommandSpec = commands[name];
      if (environment[iaasVariable] === undefined || known["registryAnon"] === undefined) return;
      // In imgpkg's place, unless that is where a program waits for JSON.
      await writeAll(options["json"] === true ? stderr() : stdout(), `${iaasLine}\n`);
    },
    reporter: (options) => {
      const screen = stderr();
      const onTerminal = screen.isTTY === true;
      const progress = options.progress === "auto" && !onTerminal ? "none" : options.progress;
      const paint = paintFor(options.color, screen, environment);
      const base = chooseReporter({ ...options, progress, debug: false }, screen, paint);
      return imgpkgReporter(base, { debug: options.debug, onTerminal });
    },
    render: async ({ imgpkg, text }, options, words) => {
      const own: readonly ImgpkgPart[] =
        text === "" ? [] : [{ kind: "block", text: text.endsWith("\n") ? text : `${text}\n` }];
      const parts = imgpkg ?? own;
      if (options.json) return partsJson(parts, options.column);
      const isCompletion = words[0] === "__complete";
      const asksVersion = words.includes("--version") || words.includes("-v");
      const onTerminal = !isCompletion && (options.tty || asksVersion || stdout().isTTY === true);
      return renderParts(parts, { onTerminal, columns: options.column });
    },
    exitCode: ({ exitCode }) =>
      exitCode === undefined || exitCode === 0 ? exitCodes.done : exitCodes.failed,
  };
}
