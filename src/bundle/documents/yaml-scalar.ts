/**
 * What a scalar without quotes means to imgpkg: YAML 1.1 as go-yaml v2 reads it, which differs from the specification in
 * places (no sexagesimal numbers, dates stay text, `1e3` is a number).
 */

/** Called as JSON calls them. */
export interface YamlScalar {
  readonly kind: "string" | "number" | "bool" | "null";
  /** What it becomes where a string is wanted: `yes` is "true", `1.50` is "1.5", `0x10` is "16", a null is "". */
  readonly text: string;
}

const words: ReadonlyMap<string, YamlScalar> = new Map([
  ...allOf({ kind: "bool", text: "true" }, "y Y yes Yes YES true True TRUE on On ON"),
  ...allOf({ kind: "bool", text: "false" }, "n N no No NO false False FALSE off Off OFF"),
  ...allOf({ kind: "null", text: "" }, "~ null Null NULL"),
  ...allOf({ kind: "number", text: "NaN" }, ".nan .NaN .NAN"),
  ...allOf({ kind: "number", text: "+Inf" }, ".inf .Inf .INF +.inf +.Inf +.INF"),
  ...allOf({ kind: "number", text: "-Inf" }, "-.inf -.Inf -.INF"),
]);

function allOf(scalar: YamlScalar, spellings: string): [string, YamlScalar][] {
  return spellings.split(" ").map((spelling) => [spelling, scalar]);
}

const empty: YamlScalar = { kind: "null", text: "" };
const octal = /^([-+]?)0[oO]?([0-7]+)$/;
const decimal = /^([-+]?)(0|[1-9][0-9]*)$/;
const hexOrBinary = /^([-+]?)(0[xX][0-9a-fA-F]+|0[bB][01]+)$/;
const float = /^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$/;
/** Digits of the longest number that is read as one: of 64 bits in binary, with its sign and prefix. */
const longestNumber = 400;

/** Reads a scalar that stands without quotes. */
export function resolvePlain(source: string): YamlScalar {
  if (source === "") return empty;
  const word = words.get(source);
  if (word !== undefined) return word;
  const number = /^[-+.0-9]/.test(source) ? numberText(source) : undefined;
  return number === undefined ? { kind: "string", text: source } : { kind: "number", text: number };
}

function numberText(source: string): string | undefined {
  if (source.length > longestNumber || isTimestamp(source)) return undefined;
  // Only what begins with a digit or a sign may have underscores in it.
  const plain = source.startsWith(".") ? source : source.replaceAll("_", "");
  return integerText(plain) ?? floatText(plain);
}

function integerText(plain: string): string | undefined {
  const eight = octal.exec(plain);
  const other = decimal.exec(plain) ?? hexOrBinary.exec(plain);
  const sign = (eight ?? other)?.[1];
  if (sign === undefined) return undefined;
  const size = other === null ? BigInt(`0o${eight?.[2] ?? 0}`) : BigInt(other[2] ?? 0);
  const value = sign === "-" ? -size : size;
  // Go's int64, and uint64 where there is no sign. What is larger is a floating-point number.
  return value === BigInt.asIntN(64, value) || (sign === "" && value === BigInt.asUintN(64, value))
    ? value.toString()
    : undefined;
}

function floatText(plain: string): string | undefined {
  if (!float.test(plain)) return undefined;
  const value = Number(plain);
  return Number.isFinite(value) ? goFloat(value) : undefined;
}

/** Go's shortest form of a floating-point number (`strconv.FormatFloat(value, 'g', -1, 64)`). */
function goFloat(value: number): string {
  if (Object.is(value, -0)) return "-0";
  const [digits = "", exponent = "0"] = value.toExponential().split("e");
  const power = Number(exponent);
  if (value === 0 || (power >= -4 && power < 6)) return value.toString();
  return `${digits}e${power < 0 ? "-" : "+"}${Math.abs(power).toString().padStart(2, "0")}`;
}

const timestamp =
  /^(\d{4})-(\d{1,2})-(\d{1,2})(?:[Tt](\d{1,2}):(\d{1,2}):(\d{1,2})(?:\.\d+)?(?:Z|[-+]\d\d:\d\d)|[ ](\d{1,2}):(\d{1,2}):(\d{1,2})(?:\.\d+)?)?$/;

/** A date, with or without time: text for who reads it, and quoted by who writes it. */
export function isTimestamp(source: string): boolean {
  const match = timestamp.exec(source);
  if (match === null) return false;
  const [year = 0, month = 0, day = 0] = match.slice(1, 4).map(Number);
  const [hour = 0, minute = 0, second = 0] = match
    .slice(match[4] === undefined ? 7 : 4)
    .map((n) => Number(n ?? 0));
  if (hour > 23 || minute > 59 || second > 59 || month < 1 || month > 12 || day < 1) return false;
  return day <= new Date(Date.UTC(2000 + (year % 400), month, 0)).getUTCDate();
}
