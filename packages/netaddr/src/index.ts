export { AddressOverflow, HostBitsSet, InvalidAddress } from './errors.ts';
export {
  addIp,
  compareIp,
  familyBits,
  formatIp,
  highestValue,
  parseIp,
  tryParseIp,
  type Family,
  type Ip,
} from './ip.ts';
export {
  broadcastAddress,
  cidrAround,
  cidrContains,
  cidrsOverlap,
  cidrSize,
  formatCidr,
  lastAddress,
  networkAddress,
  parseCidr,
  type Cidr,
} from './cidr.ts';
export {
  cidrContainsRange,
  formatRange,
  intersectRanges,
  normalizeRanges,
  parseRange,
  rangeContains,
  rangeOfCidr,
  rangeOfIp,
  rangeSize,
  subtractRanges,
  type IpRange,
} from './range.ts';
export { allocatableRanges, unusableAddresses, type AllocatableInput } from './allocatable.ts';
export { isLocalMac, isUnicastMac, macFor, parseMac } from './mac.ts';
export { isInterfaceName, isVlanId } from './link-names.ts';
