/**
 * Writes internal/apiserver/generated/bootstrap-policy.ts: default roles, bindings and flow
 * schemas, from the table of API facts. Run as `node internal/apiserver/generate/bootstrap.ts
 * FACTS.json`.
 */
import { readFile, writeFile } from 'node:fs/promises';

const path = process.argv[2];
if (!path) throw new Error('usage: bootstrap FACTS.json');
const facts = JSON.parse(await readFile(path, 'utf8')) as {
  systemObjects: Record<string, unknown>;
};
const wanted = [
  'clusterRoles',
  'clusterRoleBindings',
  'controllerRoles',
  'controllerRoleBindings',
  'namespaceRoles',
  'namespaceRoleBindings',
  'priorityClasses',
];
let text = `// Generated from the table of API facts. Do not edit.
import type { BindingRow, FlowControlRows, PriorityClassRow, RoleRow } from '../authz/bootstrap-rows.ts';
`;
const types: Record<string, string> = {
  Roles: 'RoleRow',
  Bindings: 'BindingRow',
  Classes: 'PriorityClassRow',
};
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
await writeFile('internal/apiserver/generated/bootstrap-policy.ts', text);
