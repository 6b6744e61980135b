import type { VmKernel } from './kernel-package.ts';

/** What the VM is made of. Numbers of descriptors are those that qemu is started with. */
export interface Machine {
  readonly kernel: VmKernel;
  readonly initrd: number;
  readonly processors: number;
  readonly memoryMb: number;
  /** More for the kernel's command line. */
  readonly kernelArguments: readonly string[];
  /** Sockets, by the name that the VM finds them under. */
  readonly ports: Readonly<Record<string, number>>;
}

/**
 * quiet: the serial console is slow and read only when something failed. panic and -no-reboot: a panic ends qemu.
 * mitigations: nobody in the VM is to be kept from another's secrets, and page table isolation is costly to emulate.
 */
const KERNEL_ARGUMENTS = [
  'console=ttyS0',
  'quiet',
  'panic=-1',
  'mitigations=off',
  'nokaslr',
  'random.trust_cpu=on',
];

/** The command line of qemu: emulation alone (`tcg`), no network, no disk, no display. Pure. */
export function qemuArguments(machine: Machine): readonly string[] {
  const { kernel, initrd, processors, memoryMb, kernelArguments, ports } = machine;
  const channels = Object.entries(ports).flatMap(([name, descriptor]) => [
    '-chardev',
    `socket,id=${name},fd=${String(descriptor)}`,
    '-device',
    `virtserialport,chardev=${name},name=${name}`,
  ]);
  return [
    ['qemu-system-x86_64', '-no-user-config', '-nodefaults', '-no-reboot'],
    ['-display', 'none', '-monitor', 'none', '-serial', 'stdio'],
    ['-accel', 'tcg,thread=multi', '-cpu', 'max'],
    ['-smp', String(processors), '-m', String(memoryMb)],
    ['-kernel', kernel.image, '-initrd', `/proc/self/fd/${String(initrd)}`],
    ['-append', [...KERNEL_ARGUMENTS, ...kernelArguments].join(' ')],
    ['-virtfs', 'local,path=/,mount_tag=machine,security_model=none,readonly=on,multidevs=remap'],
    ['-device', 'virtio-serial-pci'],
    channels,
  ].flat();
}
