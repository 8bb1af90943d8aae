/** Whether the program was called as imgpkg, also as `imgpkg.exe` or `imgpkg-linux-amd64-v0.44.0`. @param name without folder */
export function isImgpkg(name: string): boolean {
  return /^imgpkg(?:[-_.].*)?$/i.test(name);
}
