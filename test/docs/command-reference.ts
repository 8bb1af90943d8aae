import type { ArgumentSpec, CommandSpec, OptionSpec, OptionSpecs } from "../../src/cli/command.ts";
import { exitCodes } from "../../src/cli/exit-codes.ts";
import { flagsOf } from "../../src/cli/option-names.ts";
import { globalOptions, registryOptions } from "../../src/cli/tree/common.ts";
import { commands } from "../../src/cli/tree/tree.ts";

/** docs/commands.md, made from the command tree. */
export function commandReference(): string {
  const shown: readonly CommandSpec[] = Object.values(commands).filter((spec) => !("hidden" in spec));
  return [
    "# Commands",
    "",
    "Made from the program's own command tree; `lading <command> --help` says the same. Places are written as in",
    "[images.md](images.md#places), times like `500ms`, `30s`, `1m30s` or `24h`. A list may be given several times; where it",
    "says so, also joined by commas. `--flag=false` and `--no-flag` turn a flag off.",
    "",
    "| command | |",
    "|---|---|",
    ...shown.map((spec) => `| [\`${spec.path.join(" ")}\`](#${anchor(spec)}) | ${spec.summary} |`),
    "",
    "## Exit codes",
    "",
    "| code | |",
    "|---|---|",
    ...Object.entries(exitCodes).map(
      ([name, code]) => `| ${code} | ${exitMeanings[name as keyof typeof exitCodes]} |`,
    ),
    "",
    "## Options of every command",
    "",
    ...optionTable(globalOptions),
    "",
    "## Options of commands that talk to registries",
    "",
    ...optionTable(registryOptions),
    "",
    ...shown.flatMap(section),
  ]
    .join("\n")
    .replace(/\n+$/, "\n");
}

const exitMeanings: Readonly<Record<keyof typeof exitCodes, string>> = {
  done: "done",
  failed: "failed: network, disk, a registry that answers nonsense, a damaged archive",
  usage: "the line is wrong: an unknown flag, a bad reference, a combination that makes no sense",
  "not-found": "a tag, image, file or host's repository is not there",
  denied: "the registry wants other credentials, or does not allow it",
  integrity: "bytes do not have their digest or size",
  partial: "some of several parts failed; each is listed",
  interrupted: "interrupted by Ctrl-C or SIGTERM",
};

function anchor(spec: CommandSpec): string {
  return `lading-${spec.path.join("-")}`;
}

function section(spec: CommandSpec): string[] {
  const own = Object.fromEntries(
    Object.entries(spec.options).filter(([key]) => !Object.hasOwn(registryOptions, key)),
  );
  const talks = Object.keys(own).length < Object.keys(spec.options).length;
  return [
    `## lading ${spec.path.join(" ")}`,
    "",
    `\`lading ${[...spec.path, ...(spec.arguments ?? []).map(argumentText), "[options]"].join(" ")}\``,
    "",
    `${spec.summary.charAt(0).toUpperCase()}${spec.summary.slice(1)}.${spec.description ? ` ${spec.description}` : ""}`,
    ...(talks ? ["Takes the options for registries, too."] : []),
    ...(spec.aliases ? [`Also: ${spec.aliases.map((alias) => `\`${alias}\``).join(", ")}.`] : []),
    "",
    ...(spec.arguments ?? []).map(({ name, help }) => `- \`${name}\`: ${help}`),
    ...(spec.arguments?.length ? [""] : []),
    ...(Object.keys(own).length === 0 ? [] : [...optionTable(own), ""]),
    ...(spec.examples.length === 0
      ? []
      : ["```sh", ...spec.examples.flatMap(({ does, line }) => [`# ${does}`, `lading ${line}`]), "```", ""]),
  ];
}

function argumentText({ name, optional, many }: ArgumentSpec): string {
  const text = many ? `${name}...` : name;
  return optional ? `[${text}]` : `<${text}>`;
}

function optionTable(options: OptionSpecs): string[] {
  return [
    "| option | |",
    "|---|---|",
    ...Object.entries(options)
      .filter(([, option]) => option.hidden !== true)
      .map(([key, option]) => `| \`${flagsOf(key, option)}\` | ${meaning(option)} |`),
  ];
}

function meaning(option: OptionSpec): string {
  const off = option.type === "flag" && option.default === true ? "do not " : "";
  const notes: string[] = [];
  if (option.required) notes.push("required");
  if (option.type === "list") notes.push(option.comma ? "a list, also joined by commas" : "a list");
  if (option.type === "text" && option.choices) notes.push(option.choices.join(", "));
  if (option.type !== "flag" && option.default !== undefined)
    notes.push(`default ${[option.default].flat().join(",")}`);
  const text = `${off}${option.help}${notes.length === 0 ? "" : ` (${notes.join("; ")})`}`;
  return text.replaceAll("|", "\\|");
}
