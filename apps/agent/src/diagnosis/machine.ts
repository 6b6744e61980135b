/** Where the firmware says what the machine is (dmi-sysfs, SMBIOS 3 table type 1). */
const vendorPath = '/sys/class/dmi/id/sys_vendor';
const productPath = '/sys/class/dmi/id/product_name';

/** Words of vendor and product by which hypervisors are known. */
const hypervisors =
  /vmware|virtualbox|innotek|qemu|kvm|xen|parallels|bochs|bhyve|virtual machine|openstack|nutanix|proxmox|hvm domu|amazon ec2|google compute/i;

/** The hypervisor that this host runs on, in the words of its firmware, or that of its processor; null: none is seen. */
export async function machineOf(readFile: (path: string) => Promise<string>): Promise<string | null> {
  const read = async (path: string): Promise<string> => (await readFile(path).catch(() => '')).trim();
  const [vendor, product, processor] = await Promise.all([
    read(vendorPath),
    read(productPath),
    read('/proc/cpuinfo'),
  ]);
  const words = [vendor, product].filter((word) => word !== '').join(' ');
  if (hypervisors.test(words)) return words.slice(0, 256);
  // CPUID leaf 1, ECX bit 31, which Linux shows as a flag.
  return /^flags\s*:.*\bhypervisor\b/m.test(processor)
    ? `a virtual machine${words === '' ? '' : ` (${words})`}`.slice(0, 256)
    : null;
}
