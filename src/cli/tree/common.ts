import type { OptionSpecs } from "../command.ts";

/** Understood by every command, before or after its name. */
export const globalOptions = {
  json: { type: "flag", help: "print the result as one JSON document" },
  quiet: { type: "flag", short: "q", help: "no progress, and of the result only what a script needs" },
  debug: { type: "flag", help: "say what is done and, when it fails, every cause" },
  color: {
    type: "text",
    value: "when",
    choices: ["auto", "always", "never"],
    default: "auto",
    help: "colours in what is for people; NO_COLOR turns them off too",
  },
  progress: {
    type: "text",
    value: "how",
    choices: ["auto", "bars", "plain", "json", "none"],
    default: "auto",
    help: "how progress is shown on standard error: bars on a terminal, lines elsewhere, json is one event per line",
  },
  concurrency: {
    type: "integer",
    value: "n",
    least: 1,
    help: "how many blobs move at the same time",
  },
  tty: { type: "flag", help: "print what imgpkg prints on a terminal" },
  column: {
    type: "list",
    comma: true,
    value: "name",
    hidden: true,
    help: "only these columns of the tables that imgpkg prints",
  },
  yes: { type: "flag", short: "y", hidden: true, help: "accepted for scripts; nothing is ever asked" },
} as const satisfies OptionSpecs;

/** On every command that talks to a registry; names and meaning as in imgpkg. */
export const registryOptions = {
  registryUsername: {
    type: "text",
    value: "name",
    help: "user name for the registries that this call names",
  },
  registryPassword: {
    type: "text",
    value: "password",
    help: "password for the registries that this call names",
  },
  registryToken: {
    type: "text",
    value: "token",
    help: "bearer token for the registries that this call names",
  },
  registryAnon: { type: "flag", help: "send no credentials, even where some are known" },
  registryCaCertPath: {
    type: "list",
    comma: true,
    value: "file",
    completes: "file",
    help: "PEM file of certificate authorities to trust besides the system's",
  },
  registryClientCertPath: {
    type: "text",
    value: "file",
    completes: "file",
    help: "PEM file of the certificate to show to the registries that this call names",
  },
  registryClientKeyPath: {
    type: "text",
    value: "file",
    completes: "file",
    help: "PEM file of its key, when that is not in the same file",
  },
  registryVerifyCerts: { type: "flag", default: true, help: "check the registry's certificate" },
  registryInsecure: { type: "flag", help: "allow http where https does not answer" },
  registryRetryCount: {
    type: "integer",
    value: "n",
    least: 0,
    default: 5,
    help: "how often a request is tried",
  },
  registryResponseHeaderTimeout: {
    type: "duration",
    value: "time",
    default: "30s",
    help: "how long to wait for the first answer to a request",
  },
} as const satisfies OptionSpecs;

/** On every command that moves content. */
export const planOption = {
  plan: { type: "flag", help: "print what would move, and move nothing" },
} as const satisfies OptionSpecs;

export const platformOption = {
  platform: {
    type: "list",
    comma: true,
    value: "os/arch",
    help: "only these platforms of a multi-platform image, such as linux/amd64 or linux/arm/v7",
  },
} as const satisfies OptionSpecs;
