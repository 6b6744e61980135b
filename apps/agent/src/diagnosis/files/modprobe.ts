import type { HostFile, Undoing, Wanted } from './undoing.ts';

/**
 * Files of modprobe.d(5) that keep a module of ours from being loaded: `install` with a command that loads nothing, `blacklist`, which
 * the kernel heeds when it asks for the module itself (Docker makes a macvlan so), and `alias … off`.
 */
export function undoneByModprobe(files: readonly HostFile[], { modules }: Wanted): readonly Undoing[] {
  return files.flatMap(({ path, text }) =>
    text.split('\n').flatMap((whole, at): Undoing[] => {
      const [verb = '', module = '', ...words] = whole.trim().split(/\s+/);
      const name = module.replaceAll('-', '_').replace(/^rtnl_link_/, '');
      const isOurs = modules.includes(name) || (name === 'vlan' && modules.includes('8021q'));
      if (!isOurs || !prevents(verb, words)) return [];
      const subject = `module ${name === 'vlan' ? '8021q' : name}`;
      return [{ path, line: at + 1, text: whole.trim(), subject, does: 'not be loaded' }];
    }),
  );
}

function prevents(verb: string, words: readonly string[]): boolean {
  switch (verb) {
    case 'blacklist':
      return true;
    case 'install':
      return !words.some((word) => /(?:^|\/)(?:modprobe|insmod)$/.test(word));
    case 'alias':
      return words[0] === 'off';
    default:
      return false;
  }
}
