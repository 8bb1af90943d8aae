/** The embedded registry, and credentials. */
import type { CommandSpec } from "../command.ts";
import { registryOptions } from "./common.ts";

export const registryServeSpec = {
  path: ["registry", "serve"],
  summary: "run a registry over a folder",
  description:
    "Serves the OCI distribution API. Each repository is an OCI layout under the folder, which other tools can read. " +
    "Stops at Ctrl-C or SIGTERM, after the requests that are under way.",
  options: {
    dir: {
      type: "text",
      value: "dir",
      required: true,
      completes: "folder",
      help: "where the repositories are kept",
    },
    listen: {
      type: "text",
      value: "host:port",
      default: "127.0.0.1:5000",
      help: "where to listen; port 0 is any free one",
    },
    htpasswd: {
      type: "text",
      value: "file",
      completes: "file",
      help: "users and their bcrypt hashes, as htpasswd -B writes them",
    },
    tokens: {
      type: "flag",
      help: "hand out bearer tokens against passwords, as hosted registries do; needs --htpasswd",
    },
    tokenUrl: {
      type: "text",
      value: "url",
      help: "where clients reach this registry's /token, when a proxy is in front; with --tokens",
    },
    rights: {
      type: "text",
      value: "file",
      completes: "file",
      help: "who may do what in which repository (JSON)",
    },
    tlsCert: {
      type: "text",
      value: "file",
      completes: "file",
      help: "certificate chain in PEM; needs --tls-key",
    },
    tlsKey: { type: "text", value: "file", completes: "file", help: "private key in PEM" },
    clientCa: {
      type: "text",
      value: "file",
      completes: "file",
      help: "PEM of authorities; clients must show a certificate from one of them",
    },
    readOnly: { type: "flag", help: "refuse every change" },
    allowDelete: { type: "flag", help: "allow manifests, tags and blobs to be deleted" },
    children: {
      type: "text",
      value: "which",
      choices: ["all", "blobs", "none"],
      default: "all",
      help: "what a manifest lists must be here before it is taken; with blobs an index may be sparse",
    },
    maxBlob: { type: "text", value: "size", help: "refuse larger blobs; bytes, or such as 500MB or 10GiB" },
    rateLimit: {
      type: "text",
      value: "count/time",
      help: "at most so many requests of one client address, such as 100/10s; more are told when to come again",
    },
    maxConnections: {
      type: "integer",
      value: "count",
      least: 1,
      default: 4096,
      help: "connections at a time",
    },
    idleTimeout: {
      type: "duration",
      value: "time",
      default: "1m",
      help: "a client may let the registry wait so long before it is cut off",
    },
    uploadExpiry: {
      type: "duration",
      value: "time",
      default: "30m",
      help: "drop uploads that nobody goes on with for so long",
    },
    catalog: { type: "flag", default: true, help: "list repositories at /v2/_catalog" },
    metrics: { type: "flag", default: true, help: "answer /metrics" },
    gcEvery: {
      type: "duration",
      value: "time",
      help: "collect garbage this often: blobs that no manifest refers to any more",
    },
    gcGrace: {
      type: "duration",
      value: "time",
      default: "1h",
      help: "what is younger than this is never collected",
    },
    gcUntagged: { type: "flag", help: "collect images without a tag too, when nothing refers to them" },
    log: {
      type: "text",
      value: "how",
      choices: ["text", "json", "none"],
      default: "text",
      help: "a line per request on standard error",
    },
  },
  examples: [
    { does: "for this machine only", line: "registry serve --dir registry" },
    {
      does: "with users and TLS",
      line: "registry serve --dir registry --listen 0.0.0.0:443 --htpasswd users --tls-cert tls.crt --tls-key tls.key",
    },
  ],
} as const satisfies CommandSpec;

export const loginSpec = {
  path: ["login"],
  summary: "check credentials and keep them for later",
  description:
    "Asks the registry whether the credentials are good, and keeps them where docker, podman and skopeo find them: " +
    "in the credential helper that config.json names, else in config.json itself.",
  arguments: [{ name: "registry", optional: true, help: "host or host:port; docker.io when left out" }],
  options: {
    username: { type: "text", short: "u", value: "name", help: "user name" },
    password: {
      type: "text",
      short: "p",
      value: "password",
      help: "password; others may see it in the list of processes",
    },
    passwordStdin: { type: "flag", help: "read the password from standard input" },
    ...registryOptions,
  },
  examples: [
    {
      does: "with the password from a file",
      line: "login 127.0.0.1:5000 -u jane --password-stdin < password.txt",
    },
  ],
} as const satisfies CommandSpec;

export const logoutSpec = {
  path: ["logout"],
  summary: "forget the credentials for a registry",
  arguments: [{ name: "registry", optional: true, help: "host or host:port; docker.io when left out" }],
  options: {},
  examples: [{ does: "forget them", line: "logout 127.0.0.1:5000" }],
} as const satisfies CommandSpec;
