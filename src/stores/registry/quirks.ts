/** What one registry does in its own way. Data only: the client asks `quirksOf(host)` and does what it says. */
export interface Quirks {
  /** The host that is really spoken to. */
  readonly endpoint?: string;
  /** Keys under which credentials of this registry are kept besides its host. */
  readonly credentialKeys?: readonly string[];
  /** Hosts that may get this registry's credentials as its token service. */
  readonly tokenHosts?: readonly string[];
  /** Never send a blob in several chunks. */
  readonly noChunks?: boolean;
  /** It is known not to have the referrers API. */
  readonly noReferrersApi?: boolean;
  /** It never mounts: a try costs a request for nothing. */
  readonly noMount?: boolean;
  /** Said when a push meets NAME_UNKNOWN. */
  readonly createHint?: string;
  /** Said when the rate limit is met. */
  readonly rateHint?: string;
}

interface Entry extends Quirks {
  readonly hosts: RegExp;
  /** Where the quirk is documented. */
  readonly source: string;
}

const table: readonly Entry[] = [
  {
    hosts: /^docker\.io$/,
    source: "https://github.com/distribution/reference; https://docs.docker.com/docker-hub/usage/",
    endpoint: "registry-1.docker.io",
    credentialKeys: ["https://index.docker.io/v1/", "index.docker.io", "registry-1.docker.io"],
    tokenHosts: ["auth.docker.io"],
    rateHint: "Docker Hub limits pulls: log in to raise the limit, or wait",
  },
  {
    hosts: /^[0-9]+\.dkr\.ecr(?:-fips)?\.[a-z0-9-]+\.amazonaws\.com(?:\.cn)?$/,
    source:
      "https://github.com/aws/containers-roadmap/issues/2831; https://github.com/regclient/regclient/issues/81",
    noChunks: true,
    createHint: "repositories in ECR must exist before a push: aws ecr create-repository",
  },
  {
    hosts: /^(?:(?:[a-z]+\.)?gcr\.io|[a-z0-9-]+-docker\.pkg\.dev)$/,
    source: "https://github.com/containers/skopeo/issues/1101",
    noChunks: true,
  },
  {
    hosts: /^ghcr\.io$/,
    source: "https://github.com/oras-project/oras-go/issues/482",
    noReferrersApi: true,
  },
  {
    hosts: /^lscr\.io$/,
    source: "https://www.linuxserver.io/blog/wrap-up-warm-for-the-winter",
    tokenHosts: ["ghcr.io"],
  },
  {
    hosts: /^nvcr\.io$/,
    source: "https://docs.nvidia.com/ngc/",
    tokenHosts: ["authn.nvidia.com"],
  },
  {
    hosts: /^registry\.suse\.com$/,
    source: "https://documentation.suse.com/",
    tokenHosts: ["scc.suse.com"],
  },
];

const none: Quirks = {};

/** @param host as in references, e.g. `docker.io` */
export function quirksOf(host: string): Quirks {
  return table.find((entry) => entry.hosts.test(host)) ?? none;
}
