/**
 * The order in which go-yaml v2 writes keys: by characters, but numbers within by their value (`v2` before `v10`), and
 * letters after everything else.
 */
export function compareKeys(a: string, b: string): number {
  const [left, right] = [[...a], [...b]];
  for (let i = 0; i < left.length && i < right.length; i++) {
    const [l = "", r = ""] = [left[i], right[i]];
    if (l === r) continue;
    const [isLetterLeft, isLetterRight] = [isLetter(l), isLetter(r)];
    if (isLetterLeft && isLetterRight) return byCode(l, r);
    if (isLetterLeft || isLetterRight) return isLetterRight ? -1 : 1;
    return compareFrom(left, right, i);
  }
  return left.length - right.length;
}

/** Of two texts that differ at `start`, where neither has a letter. */
function compareFrom(left: readonly string[], right: readonly string[], start: number): number {
  const [l = "", r = ""] = [left[start], right[start]];
  // A zero in the midst of a number counts; one before it does not.
  const goesOn = (l === "0" || r === "0") && followsNonZero(left, start);
  const [leftNumber, rightNumber] = [digitsFrom(left, start), digitsFrom(right, start)];
  const seed = goesOn ? "1" : "0";
  const difference = BigInt(seed + leftNumber) - BigInt(seed + rightNumber);
  if (difference !== 0n) return difference < 0n ? -1 : 1;
  return leftNumber.length - rightNumber.length || byCode(l, r);
}

function followsNonZero(text: readonly string[], start: number): boolean {
  for (let i = start - 1; i >= 0 && isDigit(text[i]); i--) if (text[i] !== "0") return true;
  return false;
}

function digitsFrom(text: readonly string[], start: number): string {
  let end = start;
  while (isDigit(text[end])) end++;
  return text.slice(start, end).join("");
}

function isDigit(character: string | undefined): boolean {
  return character !== undefined && character >= "0" && character <= "9";
}

function isLetter(character: string): boolean {
  return /^\p{L}$/u.test(character);
}

function byCode(a: string, b: string): number {
  return (a.codePointAt(0) ?? 0) - (b.codePointAt(0) ?? 0);
}
