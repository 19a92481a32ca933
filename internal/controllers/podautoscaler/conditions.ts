import type {
  HorizontalPodAutoscaler,
  HorizontalPodAutoscalerCondition,
  HorizontalPodAutoscalerStatus,
  MetricStatus,
} from '../../api/generated/types/autoscaling-v2.ts';
import { timeOf } from '../../api/times.ts';

type Type = 'AbleToScale' | 'ScalingActive' | 'ScalingLimited';

/** The status of an autoscaler, as a pass goes on. */
export class StatusDraft {
  readonly #before: HorizontalPodAutoscalerStatus;
  readonly #nowMs: number;
  #conditions: HorizontalPodAutoscalerCondition[];

  constructor({ status }: HorizontalPodAutoscaler, nowMs: number) {
    this.#before = status;
    this.#nowMs = nowMs;
    this.#conditions = [...(status?.conditions ?? [])];
  }

  /** The time moves only when the status does. */
  set(
    type: Type,
    status: 'True' | 'False',
    { reason, message }: { reason: string; message: string },
  ): void {
    const before = this.#conditions.find((c) => c.type === type);
    const lastTransitionTime =
      before?.status === status ? before.lastTransitionTime : timeOf(this.#nowMs);
    const now = { type, status, lastTransitionTime, reason, message };
    this.#conditions = before
      ? this.#conditions.map((c) => (c.type === type ? now : c))
      : [...this.#conditions, now];
  }

  /** `desired` undefined: as it was. `scaled`: a change was made now. */
  done(of: {
    current: number;
    desired?: number;
    metrics: MetricStatus[];
    scaled?: boolean;
  }): HorizontalPodAutoscalerStatus {
    const { lastScaleTime, desiredReplicas } = this.#before ?? {};
    const time = of.scaled ? timeOf(this.#nowMs) : lastScaleTime;
    return {
      currentReplicas: of.current,
      desiredReplicas: of.desired ?? desiredReplicas ?? 0,
      currentMetrics: of.metrics,
      conditions: this.#conditions,
      ...(time === undefined ? {} : { lastScaleTime: time }),
    };
  }

  /** When nothing is known but the conditions. */
  unknown(): HorizontalPodAutoscalerStatus {
    return { ...this.#before, conditions: this.#conditions };
  }
}
