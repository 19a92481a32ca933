import { main } from '../internal/cli/main.ts';

void main(process.argv);
