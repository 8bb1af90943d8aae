import { isLadingError } from "../../errors.ts";
import { documentLimits } from "./limits.ts";
import type { BundleMetadata } from "./model.ts";
import { parseYaml, type YamlValue } from "./yaml-reader.ts";

const none: BundleMetadata = { metadata: {}, authors: [], websites: [] };

/**
 * Reads `.imgpkg/bundle.yml`, which imgpkg itself never does: what is not as expected is left out, and nothing in it is
 * an error.
 * @param place the file or image that it comes from
 */
export function parseBundleMetadata(bytes: Uint8Array, place: string): BundleMetadata {
  let yaml: YamlValue;
  try {
    yaml = parseYaml(bytes, { maxBytes: documentLimits.metadataBytes, what: place, duplicates: "last" });
  } catch (error) {
    if (isLadingError(error)) return none;
    throw error;
  }
  return {
    metadata: texts(field(yaml, "metadata")),
    authors: items(field(yaml, "authors")).flatMap((author) => {
      const { name, email } = texts(author);
      if (name === undefined && email === undefined) return [];
      return [{ ...(name === undefined ? {} : { name }), ...(email === undefined ? {} : { email }) }];
    }),
    websites: items(field(yaml, "websites")).flatMap((website) => {
      const { url } = texts(website);
      return url === undefined ? [] : [{ url }];
    }),
  };
}

function field(value: YamlValue, name: string): YamlValue | undefined {
  return value.kind === "object" ? value.fields.get(name) : undefined;
}

function items(value: YamlValue | undefined): readonly YamlValue[] {
  return value?.kind === "array" ? value.items : [];
}

/** The fields that are texts, or can be read as such. */
function texts(value: YamlValue | undefined): Readonly<Record<string, string>> {
  if (value?.kind !== "object") return {};
  return Object.fromEntries(
    [...value.fields].flatMap(([name, each]) =>
      each.kind === "object" || each.kind === "array" || each.kind === "null" ? [] : [[name, each.text]],
    ),
  );
}
