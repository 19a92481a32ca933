/**
 * Writes internal/apiserver/generated/bootstrap-policy.ts: default roles, bindings and flow
 * schemas, from the table of API facts. Run as `npm run generate`.
 */
import { writeFile } from 'node:fs/promises';
import { readFacts, type Facts } from '../../api/generate/facts.ts';

const wanted = [
  'clusterRoles',
  'clusterRoleBindings',
  'controllerRoles',
  'controllerRoleBindings',
  'namespaceRoles',
  'namespaceRoleBindings',
  'priorityClasses',
];
const header = `// Generated from the table of API facts. Do not edit.
import type { BindingRow, FlowControlRows, PriorityClassRow, RoleRow } from '../authz/bootstrap-rows.ts';
`;
const types: Record<string, string> = {
  Roles: 'RoleRow',
  Bindings: 'BindingRow',
  Classes: 'PriorityClassRow',
};
/** The text of generated/bootstrap-policy.ts. */
export function bootstrapText(facts: Facts): string {
  let text = header;
  for (const section of wanted) {
    const type = Object.entries(types).find(([end]) => section.endsWith(end))?.[1] ?? 'unknown';
    const rows = ((facts.systemObjects[section] ?? []) as unknown[])
      .map((row) => `  ${JSON.stringify(row)},\n`)
      .join('');
    text += `\nexport const ${section}: ${type}[] = [\n${rows}];\n`;
  }
  const flow = facts.systemObjects['flowControl'] as Record<string, unknown>;
  text += `\nexport const flowControl: FlowControlRows = {\n`;
  for (const [key, value] of Object.entries(flow)) {
    const rows = Array.isArray(value)
      ? `[\n${value.map((row) => `    ${JSON.stringify(row)},\n`).join('')}  ]`
      : JSON.stringify(value);
    text += `  ${key}: ${rows},\n`;
  }
  text += '};\n';
  return text;
}

if (import.meta.main)
  await writeFile(
    'internal/apiserver/generated/bootstrap-policy.ts',
    bootstrapText(await readFacts(process.argv[2])),
  );
