/** Deliveries at their worst, within what Cloud Tasks allows itself: at least once, best effort in time and order. */
export interface Delivery {
  /**
   * Share of the dispatches that are delivered twice: half of them at the same time, half after the first succeeded.
   */
  twiceShare: number;
  /** Each dispatch comes up to so much later than it is due. */
  maxLateMs: number;
  /** True where any of the tasks that are due may come next. */
  isShuffled: boolean;
}

/** Once, in time, in the order in which tasks are due. */
export const plainDelivery: Delivery = { twiceShare: 0, maxLateMs: 0, isShuffled: false };
