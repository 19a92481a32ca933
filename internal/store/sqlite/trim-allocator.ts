import type Database from 'better-sqlite3';

/** As better-sqlite3 has it; its types leave the entry point out. */
interface Extensible {
  loadExtension(path: string, entryPoint: string): unknown;
}

/**
 * Gives pages of the process that hold nothing back to the kernel, and closes the database. glibc
 * gives back by itself only what is free at the end of its heap; malloc_trim(3) gives back the
 * rest, and Node offers no way to call it. SQLite does: it calls the entry point of an extension
 * with a pointer first, which malloc_trim takes for the number of bytes to leave at the end of the
 * heap, and it takes the answer 1 (something was given back) for a failure of the extension, which
 * it unloads. The C library stays loaded. Measured: 100 MB in 40 ms. On another C library nothing
 * happens.
 */
export function trimAllocator(database: Database.Database): void {
  try {
    (database as Extensible).loadExtension('libc.so.6', 'malloc_trim');
  } catch {
    // As said.
  } finally {
    database.close();
  }
}
