/**
 * What the fields of controllers of pods, and of their scaling, are for. The form is described in
 * texts.ts.
 */
export const workloadTexts = (): string => `
@Deployment Keeps pods of one template running, and brings changes of the template out step by step.
spec What should run.
status What runs now.
@DeploymentSpec What a Deployment keeps running.
minReadySeconds Seconds that a new pod must be Ready without a break to count as available. Defaults
  to 0.
paused Whether changes of the template wait.
progressDeadlineSeconds Seconds without progress after which the rollout is said to have failed; it
  goes on all the same. Defaults to 600.
replicas How many pods there should be. Defaults to 1.
revisionHistoryLimit How many old ReplicaSets are kept to roll back to. Defaults to 10.
selector Labels of the pods that belong to the Deployment. Must match the template's. Cannot be
  changed.
strategy How old pods give way to new ones.
template The pods that are made. Only restartPolicy Always is allowed.
@DeploymentStatus State of a Deployment.
availableReplicas How many pods have been Ready for minReadySeconds.
collisionCount How often the name of a new ReplicaSet was already taken; it becomes part of the next
  name.
conditions State of the rollout: Available, Progressing, ReplicaFailure.
observedGeneration Generation of the spec that the controller has seen.
readyReplicas How many pods are Ready.
replicas How many pods there are that are not ending, of all templates.
terminatingReplicas How many pods are ending.
unavailableReplicas How many pods are still missing to have as many available as wanted.
updatedReplicas How many pods have the present template and are not ending.
@DeploymentStrategy How old pods give way to new ones.
rollingUpdate Bounds of a rolling update. Only for type RollingUpdate.
type RollingUpdate (the default), or Recreate: all old ones end before new ones start.
@RollingUpdateDeployment Bounds of a rolling update.
maxSurge How many pods, or which share, there may be beyond the wanted number. Defaults to 25%. Not
  zero when maxUnavailable is.
maxUnavailable How many pods, or which share, may be missing from the wanted number. Defaults to
  25%. Not zero when maxSurge is.
@ReplicaSet Keeps a number of pods of one template running.
spec What should run.
status What runs now.
@ReplicaSetSpec What a ReplicaSet keeps running.
minReadySeconds Seconds that a new pod must be Ready without a break to count as available. Defaults
  to 0.
replicas How many pods there should be. Defaults to 1.
selector Labels of the pods that belong to the ReplicaSet. Must match the template's. Cannot be
  changed.
template The pods that are made.
@ReplicaSetStatus State of a ReplicaSet.
availableReplicas How many pods have been Ready for minReadySeconds.
conditions State of the ReplicaSet; ReplicaFailure says why pods cannot be made.
fullyLabeledReplicas How many pods have all labels of the template.
observedGeneration Generation of the spec that the controller has seen.
readyReplicas How many pods are Ready.
replicas How many pods there are that are not ending.
terminatingReplicas How many pods are ending.
@StatefulSet Keeps pods running that each have a name, an address and volumes of their own.
spec What should run.
status What runs now.
@StatefulSetSpec What a StatefulSet keeps running.
minReadySeconds Seconds that a new pod must be Ready without a break to count as available. Defaults
  to 0.
ordinals How the pods are numbered. Defaults to 0 and up.
persistentVolumeClaimRetentionPolicy What becomes of the claims of pods that are no longer wanted.
  By default they stay.
podManagementPolicy OrderedReady (the default): one pod after the other. Parallel: all at once.
replicas How many pods there should be. Defaults to 1.
revisionHistoryLimit How many old revisions are kept to roll back to. Defaults to 10.
selector Labels of the pods that belong to the StatefulSet. Must match the template's. Cannot be
  changed.
serviceName Headless service under which the pods have their names. Must exist beforehand. Cannot be
  changed.
template The pods that are made; each is called after the StatefulSet and its number.
updateStrategy How pods get a changed template.
volumeClaimTemplates Claims that are made for each pod. A volume of the same name in the template
  gives way.
@StatefulSetStatus State of a StatefulSet.
availableReplicas How many pods have been Ready for minReadySeconds.
collisionCount How often the name of a new revision was already taken.
conditions State of the StatefulSet.
currentReplicas How many pods have the revision currentRevision.
currentRevision Revision of the pods that were not updated yet.
observedGeneration Generation of the spec that the controller has seen.
readyReplicas How many pods are Ready.
replicas How many pods there are.
updateRevision Revision that pods are being updated to.
updatedReplicas How many pods have the revision updateRevision.
@StatefulSetOrdinals How pods are numbered.
start Number of the first pod. Defaults to 0.
@StatefulSetPersistentVolumeClaimRetentionPolicy What becomes of claims of a StatefulSet.
whenDeleted When the StatefulSet is deleted: Retain (the default) or Delete.
whenScaled When there should be fewer pods: Retain (the default) or Delete.
@StatefulSetUpdateStrategy How pods get a changed template.
rollingUpdate Bounds of a rolling update. Only for type RollingUpdate.
type RollingUpdate (the default), or OnDelete: only pods that somebody deletes.
@RollingUpdateStatefulSetStrategy Bounds of a rolling update.
maxUnavailable How many pods, or which share, may be missing during the update. Defaults to 1.
partition Pods with this number and above are updated, those below are not. Defaults to 0.
@DaemonSet Keeps one pod of a template on every node, or on those that are chosen.
spec What should run.
status What runs now.
@DaemonSetSpec What a DaemonSet keeps running.
minReadySeconds Seconds that a new pod must be Ready without a break to count as available. Defaults
  to 0.
revisionHistoryLimit How many old revisions are kept to roll back to. Defaults to 10.
selector Labels of the pods that belong to the DaemonSet. Must match the template's. Cannot be
  changed.
template The pods that are made. Its nodeSelector and affinity choose the nodes.
updateStrategy How pods get a changed template.
@DaemonSetStatus State of a DaemonSet.
collisionCount How often the name of a new revision was already taken.
conditions State of the DaemonSet.
currentNumberScheduled How many nodes run the pod and should.
desiredNumberScheduled How many nodes should run the pod.
numberAvailable How many nodes should run the pod and have one that was Ready for minReadySeconds.
numberMisscheduled How many nodes run the pod and should not.
numberReady How many nodes should run the pod and have one that is Ready.
numberUnavailable How many nodes should run the pod and have none that is available.
observedGeneration Generation of the spec that the controller has seen.
updatedNumberScheduled How many nodes run the pod of the present template.
@DaemonSetUpdateStrategy How pods get a changed template.
rollingUpdate Bounds of a rolling update. Only for type RollingUpdate.
type RollingUpdate (the default), or OnDelete: only pods that somebody deletes.
@RollingUpdateDaemonSet Bounds of a rolling update.
maxSurge How many nodes, or which share, may run the old and the new pod at once. Defaults to 0. Not
  zero when maxUnavailable is.
maxUnavailable How many nodes, or which share, may have no pod during the update. Defaults to 1. Not
  zero when maxSurge is.
@Job Runs pods until a number of them has succeeded.
spec What should run, and when it is done.
status How far it has come.
@JobSpec What a Job runs, and when it is done.
activeDeadlineSeconds Seconds after the start at which the Job fails and its pods are ended.
backoffLimit How many failures there may be before the Job fails. Defaults to 6, or to no bound with
  backoffLimitPerIndex.
backoffLimitPerIndex How many failures each index may have before it fails. Only for completionMode
  Indexed, with restartPolicy Never.
completionMode NonIndexed (the default): all pods are alike. Indexed: each pod has a number from 0
  to completions less one, and each must succeed once.
completions How many pods must succeed. Not given: the success of one ends the Job.
managedBy Controller that runs the Job. Not given: the one of Kubernetes. Cannot be changed.
manualSelector Whether selector was written by hand. Almost never wanted.
maxFailedIndexes How many indexes may fail before the Job does. Only with backoffLimitPerIndex.
parallelism How many pods may run at once. Defaults to 1.
podFailurePolicy What is done about failed pods, by exit code or condition.
podReplacementPolicy When a pod is replaced: TerminatingOrFailed (as soon as it ends) or Failed
  (once it has failed for good).
selector Labels of the pods that belong to the Job. Made by the system, as a rule.
successPolicy When an indexed Job has succeeded before all its indexes have.
suspend Whether no pods should run. Suspending ends the running ones and starts the time again.
  Defaults to false.
template The pods that are made. restartPolicy must be Never or OnFailure.
ttlSecondsAfterFinished Seconds after the end at which the Job is deleted. Not given: never. 0: at
  once.
@JobStatus How far a Job has come.
active How many pods wait or run and are not ending.
completedIndexes The indexes that have succeeded, such as 1,3-5,7.
completionTime When the Job succeeded. Not set when it failed.
conditions State of the Job: Complete, Failed, Suspended, SuccessCriteriaMet, FailureTarget.
failed How many pods have failed.
failedIndexes The indexes that have failed, written as completedIndexes.
ready How many of the active pods are Ready.
startTime When the Job was taken up, or taken up again after it was suspended.
succeeded How many pods have succeeded.
terminating How many pods are ending.
uncountedTerminatedPods Pods that have ended and are not in the numbers yet.
@PodFailurePolicy What is done about failed pods.
rules The rules, at most 20; the first that matches counts.
@PodFailurePolicyRule What is done about pods that failed in one way.
action FailJob, FailIndex, Ignore (not counted) or Count (as without a rule).
onExitCodes Exit codes that match. Either these or onPodConditions.
onPodConditions Conditions of the pod of which one must match.
@PodFailurePolicyOnExitCodesRequirement Exit codes of containers.
containerName Container that is meant. Not given: each of them.
operator In: the code is one of the values. NotIn: it is none of them.
values The exit codes, at most 255, in order. 0 must not be among them for In.
@PodFailurePolicyOnPodConditionsPattern A condition of a pod.
status Status that it must have. Defaults to True.
type Type of the condition.
@SuccessPolicy When a Job has succeeded early.
rules The rules, at most 20; one that is met is enough.
@SuccessPolicyRule What must have succeeded.
succeededCount How many indexes must have succeeded, of those in succeededIndexes where these are
  given.
succeededIndexes The indexes that must have succeeded, such as 1,3-5,7.
@UncountedTerminatedPods Pods that have ended and are not counted yet.
failed UIDs of those that have failed.
succeeded UIDs of those that have succeeded.
@CronJob Makes Jobs at times of a schedule.
spec What is made, and when.
status When a Job was made last.
@CronJobSpec When Jobs are made, and which.
concurrencyPolicy What is done when the last Job still runs: Allow another (the default), Forbid it,
  or Replace the running one.
failedJobsHistoryLimit How many failed Jobs are kept. Defaults to 1.
jobTemplate The Jobs that are made.
schedule Times in the form of cron: minute, hour, day of the month, month, day of the week.
startingDeadlineSeconds How many seconds late a Job may still be made. Later it counts as missed.
successfulJobsHistoryLimit How many succeeded Jobs are kept. Defaults to 3.
suspend Whether no more Jobs are made. Running ones go on. Defaults to false.
timeZone Time zone of the schedule, such as Europe/Berlin. Defaults to that of the controller.
@CronJobStatus What a CronJob has done.
active The Jobs that run now.
lastScheduleTime The time of the schedule for which a Job was made last.
lastSuccessfulTime When a Job succeeded last.
@JobTemplateSpec The Jobs that a CronJob makes.
spec Spec of the Jobs.
@HorizontalPodAutoscaler Changes the number of replicas as the load changes.
spec What is scaled, by which metrics, within which bounds.
status What was measured and decided last.
@HorizontalPodAutoscalerSpec What is scaled, by which metrics, within which bounds.
behavior How fast it may go up and down.
maxReplicas Most replicas there may be. Not less than minReplicas.
metrics The metrics that decide; the one that asks for most replicas counts. Defaults to 80% of the
  requested CPU.
minReplicas Fewest replicas there may be. Defaults to 1.
scaleTargetRef The object whose replicas are changed.
targetCPUUtilizationPercentage Wanted use of CPU in percent of what the pods request, on average
  over all of them. Not given: 80.
@HorizontalPodAutoscalerStatus What was measured and decided last.
conditions Whether it can scale, and whether a bound holds it back.
currentCPUUtilizationPercentage Use of CPU in percent of what the pods request, on average over all
  of them, when it last looked.
currentMetrics Last values of the metrics.
currentReplicas How many replicas there were when it last looked.
desiredReplicas How many replicas it decided on.
lastScaleTime When it last changed the number.
observedGeneration Generation of the spec that this status was made from.
@HorizontalPodAutoscalerBehavior How fast replicas come and go.
scaleDown Rules for going down. By default anything is allowed after five minutes of steadily lower
  need.
scaleUp Rules for going up. By default at once, by 4 pods or by double every 15 seconds, whichever
  is more.
@HPAScalingRules Rules for one direction.
policies The steps that are allowed. At least one.
selectPolicy Which step counts when several are allowed: Max (the default), Min, or Disabled for no
  scaling this way.
stabilizationWindowSeconds Seconds of past decisions that are looked at, so that replicas do not
  come and go. From 0 to 3600; defaults to 0 up and 300 down.
tolerance By which share a metric may miss its target before anything is done. Defaults to that of
  the controller, 10% as a rule.
@HPAScalingPolicy A step that is allowed.
periodSeconds Time over which the step is counted, from 1 to 1800 seconds.
type Whether value counts Pods or Percent.
value Size of the step. Must be positive.
@CrossVersionObjectReference An object, by any version of its kind.
apiVersion Group and version of the kind.
kind Kind of the object.
name Name of the object.
@MetricSpec,MetricStatus One metric; exactly the field that type names is set.
containerResource A resource of one container in every pod.
external A metric from outside the cluster.
object A metric of one object of the cluster.
pods A metric of every pod, averaged.
resource A resource of every pod, such as cpu.
type Kind of metric: ContainerResource, External, Object, Pods or Resource.
@ContainerResourceMetricSource,ExternalMetricSource,ObjectMetricSource,PodsMetricSource,ResourceMetricSource,ContainerResourceMetricStatus,ExternalMetricStatus,ObjectMetricStatus,PodsMetricStatus,ResourceMetricStatus
  A metric, and its target or last value.
container Container of the pods that is meant.
current Last value.
describedObject Object that the metric belongs to.
metric Name and selector of the metric.
name Name of the resource.
target Value that is aimed at.
@MetricTarget A value that is aimed at.
averageUtilization Average over the pods in percent of what they request. Only for resources.
averageValue Average over the pods.
type Which of the values counts: Utilization, Value or AverageValue.
value The value itself.
@MetricValueStatus A value that was measured.
averageUtilization Average over the pods in percent of what they request.
averageValue Average over the pods.
value The value itself.
@MetricIdentifier Names a metric.
name Name of the metric.
selector Labels that choose among metrics of the same name.
`;
