/** Histories that once ended badly, and for how long they have to go on. */
export const seeds: { seed: number; hours: number; found: string }[] = [];
