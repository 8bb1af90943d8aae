import { BlockList, isIP } from "node:net";

/** What a host name or address says about where it leads. Names are not looked up. */
export type AddressClass = "name" | "public" | "private" | "loopback" | "link-local" | "unspecified";

const classes: readonly (readonly [AddressClass, string, number, "ipv4" | "ipv6"])[] = [
  ["loopback", "127.0.0.0", 8, "ipv4"],
  ["loopback", "::1", 128, "ipv6"],
  ["link-local", "169.254.0.0", 16, "ipv4"],
  ["link-local", "fe80::", 10, "ipv6"],
  ["unspecified", "0.0.0.0", 8, "ipv4"],
  ["unspecified", "::", 128, "ipv6"],
  ["private", "10.0.0.0", 8, "ipv4"],
  ["private", "172.16.0.0", 12, "ipv4"],
  ["private", "192.168.0.0", 16, "ipv4"],
  ["private", "100.64.0.0", 10, "ipv4"],
  ["private", "fc00::", 7, "ipv6"],
];

const lists = classes.map(([name, network, prefix, family]) => {
  const list = new BlockList();
  list.addSubnet(network, prefix, family);
  return { name, list, family };
});

/** @param hostname as in `URL.hostname`: lower case, IPv6 in brackets */
export function addressClass(hostname: string): AddressClass {
  const name = hostname.replace(/\.$/, "");
  if (name === "localhost" || name.endsWith(".localhost")) return "loopback";
  const address = name.startsWith("[") ? name.slice(1, -1) : name;
  const version = isIP(address);
  if (version === 0) return "name";
  const family = version === 4 ? "ipv4" : "ipv6";
  // IPv4 in IPv6 clothes (::ffff:127.0.0.1) is checked as what it is; BlockList does that for mapped addresses.
  const found = lists.find(({ list }) => list.check(address, family));
  return found?.name ?? "public";
}
