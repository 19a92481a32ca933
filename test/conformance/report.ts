/** What ginkgo's JSON reports say about the conformance tests that ran. */
export interface TestState {
  name: string;
  state: string;
  seconds: number;
  /** First line of the failure. */
  why: string;
}

interface Spec {
  ContainerHierarchyTexts?: string[] | null;
  LeafNodeText?: string;
  LeafNodeType?: string;
  State: string;
  RunTime: number;
  Failure?: { Message?: string };
}

/** Later reports win where a test stands in several. */
export function statesOf(
  reports: { SpecReports?: Spec[] | null }[][],
  conformanceOnly: boolean,
): Map<string, TestState> {
  const states = new Map<string, TestState>();
  for (const suite of reports.flat()) {
    for (const spec of suite.SpecReports ?? []) {
      const name = [...(spec.ContainerHierarchyTexts ?? []), spec.LeafNodeText ?? ''].join(' ');
      if (conformanceOnly && !name.includes('[Conformance]')) continue;
      if (spec.State === 'pending' || spec.LeafNodeType !== 'It') continue;
      // One that skipped itself says why; those that were not chosen say nothing.
      if (spec.State === 'skipped' && (conformanceOnly || !spec.Failure?.Message)) continue;
      const why = (spec.Failure?.Message ?? '').trim().split('\n')[0] ?? '';
      states.set(name, {
        name,
        state: spec.State,
        seconds: spec.RunTime / 1e9,
        why: why.replace(/\t/g, ' ').slice(0, 240),
      });
    }
  }
  return states;
}

/** Totals by SIG, then each test that did not pass. */
export function summaryOf(states: Map<string, TestState>): string {
  const bySig = new Map<string, { passed: number; failed: number; seconds: number }>();
  for (const s of states.values()) {
    const sig = /^\[(sig-[a-z-]+)\]/.exec(s.name)?.[1] ?? '?';
    const row = bySig.get(sig) ?? { passed: 0, failed: 0, seconds: 0 };
    row[s.state === 'passed' ? 'passed' : 'failed']++;
    row.seconds += s.seconds;
    bySig.set(sig, row);
  }
  const lines = [...bySig]
    .sort()
    .map(
      ([sig, r]) =>
        `${sig.padEnd(22)} passed ${String(r.passed).padStart(4)}  failed ` +
        `${String(r.failed).padStart(4)}  ${r.seconds.toFixed(0).padStart(6)} s`,
    );
  const passed = [...states.values()].filter((s) => s.state === 'passed').length;
  lines.push(
    `${'all'.padEnd(22)} passed ${String(passed).padStart(4)}  failed ` +
      `${String(states.size - passed).padStart(4)}  of ${states.size}`,
  );
  for (const s of [...states.values()].sort((a, b) => (a.name < b.name ? -1 : 1))) {
    if (s.state !== 'passed')
      lines.push(
        `${s.state.padEnd(9)} ${s.seconds.toFixed(1).padStart(6)} s  ${s.name}\n            ` +
          `${s.why}`,
      );
  }
  return lines.join('\n');
}

export function tableOf(states: Map<string, TestState>): string {
  const rows = [...states.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  return rows
    .map((s) => `${s.state}\t${s.seconds.toFixed(1)}\t${s.name}${s.why ? `\t${s.why}` : ''}\n`)
    .join('');
}
