import type { Disk } from '../../io/disk.ts';

export interface Account {
  home: string;
  shell: string;
}

/** Where root lives and what it types into, by /etc/passwd. */
export async function rootAccount(disk: Disk): Promise<Account> {
  const table = await disk.readIfThere('shell.account', '/etc/passwd');
  return accountIn(table?.toString() ?? '');
}

/** The first account with the number 0; where it names nothing, or no shell, what is everywhere. */
export function accountIn(passwd: string): Account {
  const row = passwd
    .split('\n')
    .map((line) => line.split(':'))
    .find((fields) => fields.length >= 7 && fields[2] === '0');
  const [home = '', shell = ''] = row?.slice(5) ?? [];
  return {
    home: home.startsWith('/') ? home : '/',
    shell: shell.startsWith('/') && !/\/(nologin|false)$/.test(shell) ? shell : '/bin/sh',
  };
}
