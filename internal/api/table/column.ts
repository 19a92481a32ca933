/** A column as the generated table has it. */
export type ColumnRow = [name: string, type: string, format: string, priority: number];
