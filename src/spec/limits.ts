/**
 * How much Lading reads of what strangers send. All sizes are bytes. Values and reasons: distribution-spec asks
 * registries to take manifests of 4 MiB at least; real configs reach about 4 MB.
 */
export const limits = {
  manifestBytes: 8 * 1024 * 1024,
  configBytes: 8 * 1024 * 1024,
  layoutIndexBytes: 64 * 1024 * 1024,
  /** Nesting of one JSON document. */
  jsonDepth: 64,
  /** How deep an index may point to an index that points to an index… */
  graphDepth: 8,
  /** Nodes of one graph. */
  graphNodes: 100_000,
  /** Descriptors in one manifest or index. */
  descriptors: 100_000,
  errorBodyBytes: 64 * 1024,
  tokenBodyBytes: 128 * 1024,
  listPageBytes: 4 * 1024 * 1024,
  listPages: 1000,
  listItems: 1_000_000,
  redirects: 5,
} as const;
