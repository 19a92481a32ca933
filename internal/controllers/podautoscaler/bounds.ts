import type {
  HPAScalingRules,
  HorizontalPodAutoscalerBehavior,
} from '../../api/generated/types/autoscaling-v2.ts';

interface Moment {
  atMs: number;
  replicas: number;
}

/** What one autoscaler has found and done; a restart forgets it, as upstream's does. */
export interface History {
  readonly recommendations: readonly Moment[];
  readonly ups: readonly Moment[];
  readonly downs: readonly Moment[];
}

export interface Verdict {
  replicas: number;
  /** Conditions that follow from it. */
  able: { reason: string; message: string };
  limited: { status: 'True' | 'False'; reason: string; message: string };
}

interface Wish {
  current: number;
  /** What the metrics ask for. */
  wanted: number;
  least: number;
  most: number;
  nowMs: number;
}

/** --horizontal-pod-autoscaler-downscale-stabilization. */
const defaultDownWindowSeconds = 300;
/** Without rules of its own a target at most doubles, or grows to four. */
const upFactor = 2;
const upLeast = 4;

const ready = { reason: 'ReadyForNewScale', message: 'recommended size matches current size' };
const stabilized = {
  up: {
    reason: 'ScaleUpStabilized',
    message:
      'recent recommendations were lower than current one, ' +
      'applying the lowest recent recommendation',
  },
  down: {
    reason: 'ScaleDownStabilized',
    message:
      'recent recommendations were higher than current one, ' +
      'applying the highest recent recommendation',
  },
};
const why = {
  within: {
    reason: 'DesiredWithinRange',
    message: 'the desired count is within the acceptable range',
  },
  fast: {
    reason: 'ScaleUpLimit',
    message: 'the desired replica count is increasing faster than the maximum scale rate',
  },
  many: {
    reason: 'TooManyReplicas',
    message: 'the desired replica count is more than the maximum replica count',
  },
  slow: {
    reason: 'ScaleDownLimit',
    message: 'the desired replica count is decreasing faster than the maximum scale rate',
  },
  few: {
    reason: 'TooFewReplicas',
    message: 'the desired replica count is less than the minimum replica count',
  },
};

/**
 * What becomes of a wish: calmed by what was wished before, then kept in its bounds. The history
 * that comes back has the wish in it.
 */
export function bounded(
  wish: Wish,
  behavior: HorizontalPodAutoscalerBehavior | undefined,
  history: History,
): Verdict & { history: History } {
  const up = behavior?.scaleUp;
  const down = behavior?.scaleDown;
  const calm = behavior
    ? calmed(wish, history, {
        up: up?.stabilizationWindowSeconds ?? 0,
        down: down?.stabilizationWindowSeconds ?? defaultDownWindowSeconds,
      })
    : highest(wish, history);
  const longestWindow = behavior
    ? Math.max(
        up?.stabilizationWindowSeconds ?? 0,
        down?.stabilizationWindowSeconds ?? defaultDownWindowSeconds,
      )
    : defaultDownWindowSeconds;
  const able =
    calm === wish.wanted
      ? ready
      : !behavior || wish.wanted < wish.current
        ? stabilized.down
        : stabilized.up;
  const { replicas, ...reason } = behavior
    ? withRules({ ...wish, wanted: calm }, behavior, history)
    : plain({ ...wish, wanted: calm });
  const limited = { status: replicas === calm ? ('False' as const) : ('True' as const), ...reason };
  return { replicas, able, limited, history: noteWish(history, wish, longestWindow) };
}

/** Never down to less than the highest of the last minutes. */
function highest({ wanted, nowMs }: Wish, { recommendations }: History): number {
  const since = nowMs - defaultDownWindowSeconds * 1000;
  const recent = recommendations.filter(({ atMs }) => atMs >= since);
  return Math.max(wanted, ...recent.map(({ replicas }) => replicas));
}

function calmed(
  { current, wanted, nowMs }: Wish,
  { recommendations }: History,
  windows: { up: number; down: number },
): number {
  const within = (seconds: number): number[] =>
    recommendations.filter(({ atMs }) => atMs > nowMs - seconds * 1000).map((r) => r.replicas);
  const lowest = Math.min(wanted, ...within(windows.up));
  const greatest = Math.max(wanted, ...within(windows.down));
  return Math.min(Math.max(current, lowest), greatest);
}

/** Remembers the wish, and forgets what is older than any window. */
function noteWish(history: History, { wanted, nowMs }: Wish, windowSeconds: number): History {
  const kept = history.recommendations.filter(({ atMs }) => atMs >= nowMs - windowSeconds * 1000);
  return { ...history, recommendations: [...kept, { atMs: nowMs, replicas: wanted }] };
}

type Limit = { replicas: number; reason: string; message: string };

function plain({ current, wanted, least, most }: Wish): Limit {
  const limit = Math.max(upFactor * current, upLeast);
  const [top, reason] = most > limit ? [limit, why.fast] : [most, why.many];
  if (wanted < least) return { replicas: least, ...why.few };
  if (wanted > top) return { replicas: top, ...reason };
  return { replicas: wanted, ...why.within };
}

function withRules(
  { current, wanted, least, most, nowMs }: Wish,
  behavior: HorizontalPodAutoscalerBehavior,
  history: History,
): Limit {
  if (wanted > current) {
    const limit = Math.max(current, upLimit(current, behavior.scaleUp, history, nowMs));
    const [top, reason] = most > limit ? [limit, why.fast] : [most, why.many];
    if (wanted > top) return { replicas: top, ...reason };
  } else if (wanted < current) {
    const limit = Math.min(current, downLimit(current, behavior.scaleDown, history, nowMs));
    const [bottom, reason] = least < limit ? [limit, why.slow] : [least, why.few];
    if (wanted < bottom) return { replicas: bottom, ...reason };
  }
  return { replicas: wanted, ...why.within };
}

/** autoscaling/v2's defaults, where a rule is left out. */
const upRules = [
  { type: 'Pods', value: 4, periodSeconds: 15 },
  { type: 'Percent', value: 100, periodSeconds: 15 },
];
const downRules = [{ type: 'Percent', value: 100, periodSeconds: 15 }];

function upLimit(
  current: number,
  rules: HPAScalingRules | undefined,
  history: History,
  nowMs: number,
): number {
  const { selectPolicy = 'Max', policies = upRules } = rules ?? {};
  if (selectPolicy === 'Disabled') return current;
  const limits = policies.map(({ type, value, periodSeconds }) => {
    const start = atStart(current, history, nowMs - periodSeconds * 1000);
    return type === 'Pods' ? start + value : Math.ceil(start * (1 + value / 100));
  });
  return selectPolicy === 'Min' ? Math.min(...limits) : Math.max(...limits);
}

function downLimit(
  current: number,
  rules: HPAScalingRules | undefined,
  history: History,
  nowMs: number,
): number {
  const { selectPolicy = 'Max', policies = downRules } = rules ?? {};
  if (selectPolicy === 'Disabled') return current;
  const limits = policies.map(({ type, value, periodSeconds }) => {
    const start = atStart(current, history, nowMs - periodSeconds * 1000);
    return type === 'Pods' ? start - value : Math.trunc(start * (1 - value / 100));
  });
  return selectPolicy === 'Min' ? Math.max(...limits) : Math.min(...limits);
}

/** How many there were when a period began. */
function atStart(current: number, { ups, downs }: History, sinceMs: number): number {
  const changed = (moments: readonly Moment[]): number =>
    moments.filter(({ atMs }) => atMs > sinceMs).reduce((sum, { replicas }) => sum + replicas, 0);
  return current - changed(ups) + changed(downs);
}

/** The longest period a rule may have (validation of autoscaling/v2). */
const longestPeriodMs = 1_800_000;

/** A change was made: rules count it. */
export function noteChange(
  history: History,
  { from, to, nowMs }: { from: number; to: number; nowMs: number },
): History {
  const recent = (moments: readonly Moment[]): Moment[] =>
    moments.filter(({ atMs }) => atMs > nowMs - longestPeriodMs);
  const change = { atMs: nowMs, replicas: Math.abs(to - from) };
  return {
    ...history,
    ups: [...recent(history.ups), ...(to > from ? [change] : [])],
    downs: [...recent(history.downs), ...(to > from ? [] : [change])],
  };
}
