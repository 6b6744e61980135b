import { does, type HostFile, type Undoing, type WantedLink } from './undoing.ts';

/** Scripts and units that run at boot, and other files with lines of shell: the last word on an interface counts. */
export function undoneByScripts(
  files: readonly HostFile[],
  wanted: readonly WantedLink[],
): readonly Undoing[] {
  return wanted
    .filter(({ promiscuous }) => promiscuous)
    .flatMap((link) => files.flatMap((file) => lastWord(file, link)));
}

function lastWord({ path, text }: HostFile, link: WantedLink): readonly Undoing[] {
  const words = text.split('\n').flatMap((whole, at) => {
    const line = whole.trim();
    const isOn = line.startsWith('#') ? null : promiscuityOf(line, link.name);
    return isOn === null ? [] : [{ isOn, line: at + 1, text: line }];
  });
  const last = words.at(-1);
  return last === undefined || last.isOn
    ? []
    : [{ path, line: last.line, text: last.text, link: link.name, does: does.lacksPromiscuity }];
}

/** `ip link set dev ens33 promisc off`, `ifconfig ens33 -promisc`. */
function promiscuityOf(line: string, name: string): boolean | null {
  const escaped = name.replaceAll('.', String.raw`\.`);
  const ip = new RegExp(
    String.raw`\bip\s+(?:-\S+\s+)*link\s+set\s+(?:dev\s+)?${escaped}\s+(?:\S+\s+)*promisc\s+(on|off)\b`,
  );
  const ifconfig = new RegExp(String.raw`\bifconfig\s+${escaped}\s+(?:\S+\s+)*?(-?)promisc\b`);
  const [, onOff] = ip.exec(line) ?? [];
  if (onOff !== undefined) return onOff === 'on';
  const [, minus] = ifconfig.exec(line) ?? [];
  return minus === undefined ? null : minus === '';
}
