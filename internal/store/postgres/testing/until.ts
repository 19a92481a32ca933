/** Waits until a state is reached, asking again and again. */
export async function until(
  reached: () => boolean | Promise<boolean>,
  timeoutMs = 20_000,
): Promise<void> {
  const end = performance.now() + timeoutMs;
  while (!(await reached())) {
    if (performance.now() > end) throw new Error(`not reached in time: ${reached.toString()}`);
    await new Promise((resolve) => setTimeout(resolve, 3));
  }
}
