import { LadingError } from "../../errors.ts";
import type { RepositoryLocation } from "../../stores/store.ts";
import { formatBundleLock } from "../documents/bundle-lock.ts";
import { formatImagesLock, lockOf } from "../documents/images-lock.ts";
import type { ImagesLock } from "../documents/model.ts";
import { lockName, type PinnedReference, pinnedIn } from "../documents/names.ts";
import type { CopySet, ImageToCopy } from "./model.ts";

/**
 * The lock that describes what was copied, as `--lock-output` has it: a BundleLock for a bundle, else an ImagesLock. That
 * of a copied ImagesLock has its images in the same order with the same annotations, then what came along with them.
 * @throws LadingError ERR_LADING_UNSUPPORTED for a tar that does not say which bundle is its root;
 * ERR_LADING_MISSING_CONTENT for an image of the lock that is not in the set
 */
export function lockOutput({ subject, images }: CopySet, to: RepositoryLocation): string {
  switch (subject.kind) {
    case "bundle": {
      const reference = pinnedIn(to, subject.digest);
      const { tag } = subject;
      return formatBundleLock({
        image: lockName(reference),
        reference,
        ...(tag === undefined ? {} : { tag }),
      });
    }
    case "images": {
      const { lock } = subject;
      const copied = (image: ImageToCopy) => ({ reference: pinnedIn(to, image.root.digest) });
      return formatImagesLock(
        lockOf(
          lock === undefined
            ? images.map(copied)
            : [...relocated(lock, images, to), ...extras(images).map(copied)],
        ),
      );
    }
    case "unknown bundle":
      throw new LadingError(
        "ERR_LADING_UNSUPPORTED",
        "Unable to determine correct root bundle to use for lock-output. hint: if copying from a tarball, try re-generating the tarball",
      );
  }
}

function relocated(lock: ImagesLock, images: readonly ImageToCopy[], to: RepositoryLocation) {
  const byDigest = new Map(images.map((image) => [image.chosenFrom ?? image.root.digest, image]));
  return lock.images.map(
    ({
      image,
      reference,
      annotations,
    }): {
      readonly reference: PinnedReference;
      readonly annotations: Readonly<Record<string, string>>;
    } => {
      const found = byDigest.get(reference.digest);
      if (found === undefined) {
        throw new LadingError(
          "ERR_LADING_MISSING_CONTENT",
          `Expected image '${image}' to have been copied but was not`,
        );
      }
      return { reference: pinnedIn(to, found.root.digest), annotations };
    },
  );
}

/** What the lock does not name, such as signatures. */
function extras(images: readonly ImageToCopy[]): readonly ImageToCopy[] {
  return images.filter(({ foundBy }) => foundBy === "artifact");
}
