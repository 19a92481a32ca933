import { Problems } from '../../api/validation/problems.ts';
import { badRequest, invalid } from '../../api/status.ts';
import { first, type Query } from '../http/request-info.ts';

const [least, most] = [-(2n ** 63n), 2n ** 63n - 1n];

/** kube-apiserver's ValidatePodLogOptions, asked before the pod is looked up. */
export function checkLogOptions(name: string, query: Query): void {
  const [tailLines, limitBytes, sinceSeconds] = ['tailLines', 'limitBytes', 'sinceSeconds'].map(
    (key) => integer(first(query, key)),
  );
  const sinceTime = timeOf(first(query, 'sinceTime'));
  const problems = new Problems();
  if (tailLines !== undefined && tailLines < 0n)
    problems.invalid('tailLines', Number(tailLines), 'must be greater than or equal to 0');
  if (limitBytes !== undefined && limitBytes < 1n)
    problems.invalid('limitBytes', Number(limitBytes), 'must be greater than 0');
  if (sinceSeconds !== undefined && sinceTime)
    problems.forbidden('[]', 'at most one of `sinceTime` or `sinceSeconds` may be specified');
  else if (sinceSeconds !== undefined && sinceSeconds < 1n)
    problems.invalid('sinceSeconds', Number(sinceSeconds), 'must be greater than 0');
  // Of the alpha feature PodLogsQuerySplitStreams, which is off.
  if (query.has('stream')) problems.forbidden('stream', 'may not be specified');
  if (problems.found) throw invalid({ group: '', kind: 'PodLogOptions' }, name, problems.list);
}

/** As Go's strconv.ParseInt reads 64 bits. */
function integer(text: string | undefined): bigint | undefined {
  if (text === undefined) return undefined;
  if (!/^[+-]?\d+$/.test(text))
    throw badRequest(`strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`);
  const value = BigInt(text.replace(/^\+/, ''));
  if (value < least || value > most)
    throw badRequest(`strconv.ParseInt: parsing ${JSON.stringify(text)}: value out of range`);
  return value;
}

/** True for a time; throws for anything else. */
function timeOf(text: string | undefined): boolean {
  if (!text) return false;
  const isTime =
    /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/.test(text) &&
    !Number.isNaN(Date.parse(text));
  if (!isTime)
    throw badRequest(
      `parsing time ${JSON.stringify(text)} as "2006-01-02T15:04:05Z07:00": cannot parse ` +
        `${JSON.stringify(text)} as "2006"`,
    );
  return true;
}
