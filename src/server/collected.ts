/** What a collection of garbage removed. */
export interface Collected {
  readonly manifests: number;
  readonly blobs: number;
  /** Bytes of all of them. */
  readonly bytes: number;
}
