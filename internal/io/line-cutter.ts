/**
 * Takes chunks of bytes and hands on whole lines; of a line that is longer than `longest`
 * characters, its beginning.
 */
export function createLineCutter(
  longest: number,
  line: (text: string) => void,
): (chunk: Buffer) => void {
  let begun = '';
  return (chunk) => {
    const parts = chunk.toString('latin1').split('\n');
    for (const [i, part] of parts.entries()) {
      if (begun.length < longest) begun += part.slice(0, longest - begun.length);
      if (i === parts.length - 1) return;
      line(begun);
      begun = '';
    }
  };
}
