/** Copying graphs between stores: plan, then execute. */
export { copy } from "./copy.ts";
export type {
  Amount,
  CopyPlan,
  PlanFailure,
  PlannedAction,
  PlannedDestination,
  PlannedImage,
  PlannedNode,
  PlannedTag,
  PlanTotals,
} from "./copy-plan.ts";
export { type CopiedImage, CopyPartialError, type CopyResult, type Traffic } from "./copy-result.ts";
export { execute } from "./execute.ts";
export { plan } from "./plan.ts";
export type { CopyOptions, CopyRequest, ExecuteOptions, PlanOptions } from "./request.ts";
