import { Option } from 'commander';

/** `-o`: one of these, the first when nothing is said. Another word is wrong usage. */
export const outputOption = (first: string, ...others: string[]): Option =>
  new Option('-o, --output <format>', 'How it is printed')
    .choices([first, ...others])
    .default(first);
