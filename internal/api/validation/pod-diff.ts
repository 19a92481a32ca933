const context = 3;
/** Beyond this many lines the table of the comparison would cost more than its answer is worth. */
const maxLines = 1500;

interface Step {
  sign: ' ' | '-' | '+';
  text: string;
}

/** A unified diff of two values as indented JSON, as Kubernetes appends it to some errors. */
export function goDiff(from: unknown, to: unknown): string {
  const [a, b] = [JSON.stringify(from, undefined, 1).split('\n'), JSON.stringify(to, undefined, 1).split('\n')];
  if (a.length > maxLines || b.length > maxLines) return '';
  const steps = compare(a, b);
  const out: string[] = [];
  for (const [start, end] of hunks(steps)) {
    const before = steps.slice(0, start);
    const [oldStart, newStart] = [before.filter((s) => s.sign !== '+').length, before.filter((s) => s.sign !== '-').length];
    const part = steps.slice(start, end);
    const [oldCount, newCount] = [part.filter((s) => s.sign !== '+').length, part.filter((s) => s.sign !== '-').length];
    out.push(`@@ -${oldStart + 1},${oldCount} +${newStart + 1},${newCount} @@`, ...part.map((s) => s.sign + s.text));
  }
  return `${out.join('\n')}\n`;
}

/** The longest common lines stay; the rest is taken away or added. */
function compare(a: readonly string[], b: readonly string[]): Step[] {
  const width = b.length + 1;
  const common = new Uint16Array((a.length + 1) * width);
  const at = (i: number, j: number): number => common[i * width + j] ?? 0;
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) common[i * width + j] = a[i] === b[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
  }
  const steps: Step[] = [];
  let [i, j] = [0, 0];
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) steps.push({ sign: ' ', text: a[i++] ?? '' }) && j++;
    else if (i < a.length && (j >= b.length || at(i + 1, j) >= at(i, j + 1))) steps.push({ sign: '-', text: a[i++] ?? '' });
    else steps.push({ sign: '+', text: b[j++] ?? '' });
  }
  return steps;
}

/** Ranges of steps that hold a change and what stands around it. */
function hunks(steps: readonly Step[]): [number, number][] {
  const ranges: [number, number][] = [];
  steps.forEach((step, i) => {
    if (step.sign === ' ') return;
    const [start, end] = [Math.max(0, i - context), Math.min(steps.length, i + context + 1)];
    const last = ranges[ranges.length - 1];
    if (last && start <= last[1]) last[1] = end;
    else ranges.push([start, end]);
  });
  return ranges;
}
