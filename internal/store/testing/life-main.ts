import { Life } from './life.ts';

/** `node life-main.ts DIR SEED STATES STEPS`: lives, is cut, and prints one line of JSON. */
const [dir = '', seed = '1', states = '100', steps = '60'] = process.argv.slice(2);
const result = await new Life(dir, Number(seed)).run(Number(states), Number(steps));
process.stdout.write(`${JSON.stringify(result)}\n`);
