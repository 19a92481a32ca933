/**
 * What the fields of pods and of all that schedules them are for. The form is described in
 * texts.ts.
 */
export const podTexts = (): string => `
@Pod Containers that run together on one node, sharing a network address and volumes.
spec What should run, and how. Most of it is fixed once the pod exists.
status What the node last reported about the pod.
@PodTemplateSpec The pods that a controller makes: their labels, annotations and spec.
spec Spec of the pods that are made.
@PodSpec What a pod runs, where it may run, and what it shares.
activeDeadlineSeconds Seconds after the start at which the pod is stopped and marked as failed. Must
  be positive.
affinity Wishes and demands about the nodes and the neighbours of the pod.
automountServiceAccountToken Whether a token of the service account is mounted into the containers.
  Overrides what the service account says.
containers The containers that make up the pod, at least one. Cannot be added or removed later.
dnsConfig Name servers, search domains and options that are added to those which dnsPolicy gives.
dnsPolicy Where the resolver of the containers is configured from: ClusterFirst (the default),
  ClusterFirstWithHostNet, Default (that of the node) or None (only dnsConfig).
enableServiceLinks Whether environment variables for the services of the namespace are set in the
  containers. Defaults to true.
ephemeralContainers Containers that were added to the running pod for debugging, through the
  ephemeralcontainers subresource. They are never restarted.
hostAliases Names that are written into the hosts file of the containers.
hostIPC Use the node's IPC namespace. Defaults to false.
hostNetwork Use the node's network: the pod has the node's address, and every container port is a
  port of the node. Defaults to false.
hostPID Use the node's process IDs: containers see the processes of the node. Defaults to false.
hostUsers Whether the pod uses the node's user IDs. False gives it a user namespace of its own, in
  which root is nobody on the node. Defaults to true.
hostname Host name of the pod. Defaults to the pod's name.
hostnameOverride Host name that the containers see, in the place of hostname, subdomain and
  setHostnameAsFQDN. Must be a DNS name of at most 64 characters.
imagePullSecrets Secrets of the namespace with credentials for the registries of the images.
initContainers Containers that run one after the other, each to its end, before the others start.
  One with restartPolicy Always (a sidecar) keeps running beside them.
nodeName Node that the pod was bound to. Set by the scheduler; a pod that is created with it passes
  the scheduler by.
nodeSelector Labels that a node must have for the pod to run there.
os Operating system of the containers. Fields that do not belong to it must then be empty.
overhead Resources that the pod takes beside those of its containers. Filled in from the
  RuntimeClass.
preemptionPolicy Whether the pod may push out others of lower priority: PreemptLowerPriority (the
  default) or Never.
priority Priority as a number. Filled in from priorityClassName.
priorityClassName PriorityClass that gives the pod its priority. Without one the default class
  counts, or zero.
readinessGates Further conditions that must be True before the pod is Ready.
resourceClaims Claims to devices that must be allocated before the pod starts; containers refer to
  them by name.
resources Requests and limits for the pod as a whole, beside those of its containers.
restartPolicy When containers are started again after they end: Always (the default), OnFailure or
  Never.
runtimeClassName RuntimeClass that the pod is run with. The pod is refused when there is none of
  that name.
schedulerName Scheduler that should place the pod. Defaults to default-scheduler.
schedulingGates While any gate is listed the pod is not scheduled. Gates can be given only at
  creation, and be removed later.
schedulingGroup The group of pods that this pod is scheduled together with.
securityContext Users, groups and kernel settings for all containers. Containers may override some
  of them.
serviceAccount Old name of serviceAccountName. Both hold the same.
serviceAccountName Service account that the pod acts as. Defaults to the one called default.
setHostnameAsFQDN Whether the host name is the full domain name of the pod. Defaults to false.
shareProcessNamespace Whether the containers see each other's processes. Cannot be combined with
  hostPID. Defaults to false.
subdomain With a headless service of this name the pod's full domain name is
  hostname.subdomain.namespace.svc and the cluster's domain.
terminationGracePeriodSeconds Seconds that the containers have to end by themselves after they were
  told to, before they are killed. Defaults to 30.
tolerations Taints of nodes that do not keep the pod away.
topologySpreadConstraints How evenly pods like this one should be spread over zones, nodes or other
  domains. All of them must hold.
volumes Volumes that the containers of the pod can mount.
@PodStatus State of a pod, as the node and the scheduler last reported it.
allocatedResources Resources that the node has set aside for the pod as a whole.
conditions Steps that the pod has reached: PodScheduled, Initialized, ContainersReady, Ready and
  others.
containerStatuses State of each container of spec.containers.
ephemeralContainerStatuses State of each ephemeral container.
extendedResourceClaimStatus The claim that was made for extended resources which devices of a driver
  back.
hostIP Address of the node that the pod was assigned to.
hostIPs Addresses of the node, at most one for each family; the first is hostIP.
initContainerStatuses State of each init container.
message Why the pod is in this state, for people.
nodeAllocatableResourceClaimStatuses Claims whose devices count against the node's own resources,
  such as CPU and memory.
nominatedNodeName Node on which room is being made for the pod by ending others of lower priority.
  The pod may still go elsewhere.
observedGeneration Generation of the spec that this status was made from.
phase Where the pod is in its life: Pending, Running, Succeeded, Failed or Unknown.
podIP Address of the pod. Empty until it has one.
podIPs Addresses of the pod, at most one for each family; the first is podIP.
qosClass Class by which the node chooses whom to end first when it runs short: Guaranteed, Burstable
  or BestEffort.
reason One word for why the pod is in this state, such as Evicted.
resize State of a change of resources that was asked for: Proposed, InProgress, Deferred or
  Infeasible.
resourceClaimStatuses Names of the claims that were made from templates for this pod.
resources Requests and limits that are in force for the pod as a whole.
startTime When the node took the pod up, before its images were pulled.
@PodCondition One step in the life of a pod.
@PodDNSConfig Additions to the resolver's configuration.
nameservers Addresses of name servers, added to those that the policy gives.
options Options of the resolver, merged with those that the policy gives; these here win.
searches Domains in which short names are looked up, added to those that the policy gives.
@PodDNSConfigOption One option of the resolver.
name Name of the option, such as ndots. Required.
value Value of the option, when it takes one.
@HostAlias One line of a hosts file.
hostnames Names that lead to the address.
ip Address that the names lead to.
@PodOS The operating system that a pod is made for.
name Name of the operating system: linux or windows.
@PodReadinessGate A condition that a pod must have to be Ready.
conditionType Type of the condition in the pod's status.
@PodResourceClaim A claim to devices that a pod uses, directly or made from a template.
name Name by which containers of this pod refer to the claim.
resourceClaimName ResourceClaim of the pod's namespace. Either this or a template is given.
resourceClaimTemplateName ResourceClaimTemplate from which a claim is made for this pod alone, and
  deleted with it.
@PodResourceClaimStatus The claim that an entry of spec.resourceClaims led to.
name Name of the entry in spec.resourceClaims.
resourceClaimName ResourceClaim that was made for the pod. Empty when none was needed.
@PodExtendedResourceClaimStatus The claim behind extended resources of a pod.
requestMappings Which request of the claim stands for which container's resource.
resourceClaimName Name of the claim in the pod's namespace.
@ContainerExtendedResourceRequest One extended resource of a container and the request that stands
  for it.
containerName Container that asked for the resource.
requestName Request in the claim.
resourceName Name of the extended resource.
@NodeAllocatableResourceClaimStatus What a claim takes of the node's own resources.
containers Containers of the pod that use the claim.
resourceClaimName Name of the claim.
resources Quantity of each resource that the claim takes.
@PodSchedulingGate A reason not to schedule a pod yet.
name Name of the gate. Each must be different.
@PodSchedulingGroup Names the group that a pod is scheduled with.
podGroupName Name of the PodGroup in the pod's namespace.
@HostIP An address of a node.
ip The address.
@PodIP An address of a pod.
ip The address.
@Affinity Where a pod wants to run, and beside whom.
nodeAffinity Rules about the labels of nodes.
podAffinity Rules that bring the pod near other pods, such as into the same zone.
podAntiAffinity Rules that keep the pod away from other pods.
@NodeAffinity Rules about the labels of nodes.
preferredDuringSchedulingIgnoredDuringExecution Wishes: a node gets the weight of each that it
  meets, and the greatest sum is preferred.
requiredDuringSchedulingIgnoredDuringExecution Demands: without a node that meets them the pod is
  not scheduled. Later changes of the node do not end the pod.
@PodAffinity,PodAntiAffinity Rules about the pods that already run in a domain.
preferredDuringSchedulingIgnoredDuringExecution Wishes: the node with the best sum of weights is
  preferred.
requiredDuringSchedulingIgnoredDuringExecution Demands: all of them must be met for the pod to be
  scheduled. Later changes of labels do not end the pod.
@PreferredSchedulingTerm A wish about nodes.
preference The term that a node may meet.
weight How much it counts, from 1 to 100.
@WeightedPodAffinityTerm A wish about neighbours.
podAffinityTerm The term that a node may meet.
weight How much it counts, from 1 to 100.
@PodAffinityTerm Pods to be near to or away from, and how near is meant.
labelSelector Labels of the pods that count. Without it none do.
matchLabelKeys Labels whose value is taken from the arriving pod and added to labelSelector as "in".
  The key must not be in labelSelector too.
mismatchLabelKeys Labels whose value is taken from the arriving pod and added to labelSelector as
  "not in".
namespaceSelector Labels of the namespaces whose pods count, beside those that are listed. An empty
  selector means all.
namespaces Namespaces whose pods count. With neither list nor selector it is the pod's own.
topologyKey Label of nodes: those with the same value of it are one domain. Must not be empty.
@NodeSelector Terms of which a node must meet one.
nodeSelectorTerms The terms; meeting one is enough.
@NodeSelectorTerm Demands that a node must meet together. An empty term matches no node.
matchExpressions Demands about labels of the node.
matchFields Demands about fields of the node; only metadata.name is known.
@NodeSelectorRequirement A demand about one label or field.
key Label or field that is meant.
operator How value and list must relate: In, NotIn, Exists, DoesNotExist, Gt or Lt.
values Values to compare with. Empty for Exists and DoesNotExist, a single whole number for Gt and
  Lt.
@Toleration Lets a pod run on nodes that have a matching taint.
effect Effect of the taint that is tolerated: NoSchedule, PreferNoSchedule or NoExecute. Empty means
  every effect.
key Key of the taint that is tolerated. Empty with operator Exists means every taint.
operator How the value must relate to the taint's: Equal (the default), Exists, Lt or Gt.
tolerationSeconds How long a NoExecute taint is tolerated before the pod is evicted. Without it for
  ever; zero or less means not at all.
value Value of the taint that is tolerated. Empty with operator Exists.
@TopologySpreadConstraint How evenly matching pods should be spread over domains of nodes.
labelSelector Labels of the pods that are counted.
matchLabelKeys Labels whose value is taken from the arriving pod and added to labelSelector.
maxSkew By how many pods a domain may exceed the one with fewest. Must be positive.
minDomains Least number of domains that there must be; with fewer, the smallest count is taken to be
  zero. Only with DoNotSchedule.
nodeAffinityPolicy Whether nodes that the pod's nodeAffinity or nodeSelector rule out are counted:
  Honor leaves them out (the default), Ignore counts them.
nodeTaintsPolicy Whether nodes with taints that the pod does not tolerate are counted: Honor leaves
  them out, Ignore counts them (the default).
topologyKey Label of nodes: those with the same value of it are one domain.
whenUnsatisfiable What to do with a pod that would break the rule: DoNotSchedule (the default), or
  ScheduleAnyway where it does least harm.
@PodSecurityContext Security settings of a pod.
appArmorProfile AppArmor profile of the containers.
fsGroup Group that owns the files of the pod's volumes and that every process of the pod belongs to.
fsGroupChangePolicy When the owner of a volume's files is changed: Always (the default), or
  OnRootMismatch, only if its root is not right.
runAsGroup Group ID of the containers' processes.
runAsNonRoot Whether a container that would run as root is refused.
runAsUser User ID of the containers' processes. Defaults to the image's.
seLinuxChangePolicy How volumes get their SELinux label: MountOption (by the mount, where possible)
  or Recursive (file by file).
seLinuxOptions SELinux label of the containers. Without it the runtime chooses one for each.
seccompProfile Which system calls the containers may make.
supplementalGroups Further groups of the first process of each container.
supplementalGroupsPolicy Whether groups of the image's user are added too: Merge (the default) or
  Strict.
sysctls Kernel settings of the pod's namespaces. A pod with one that the node does not allow may not
  start.
windowsOptions Settings for Windows. Not for pods of Linux.
@Sysctl A kernel setting.
name Name of the setting, such as net.core.somaxconn.
value What it is set to.
@PodDisruptionBudget Limits how many pods of an application may be away at once by evictions.
spec How many pods must stay.
status How many pods may be evicted now.
@PodDisruptionBudgetSpec The pods of a budget, and how many of them must stay.
maxUnavailable How many of the pods, or which share, may be away after an eviction. Either this or
  minAvailable.
minAvailable How many of the pods, or which share, must still be there after an eviction. Either
  this or maxUnavailable.
selector Labels of the pods. An empty selector means all pods of the namespace.
unhealthyPodEvictionPolicy When pods that are not Ready may be evicted: IfHealthyBudget (only while
  the application is whole, the default) or AlwaysAllow.
@PodDisruptionBudgetStatus State of a budget.
conditions State of the budget; DisruptionAllowed says whether a pod may be evicted now.
currentHealthy How many pods are Ready now.
desiredHealthy How many pods must be Ready at least.
disruptedPods Pods whose eviction was allowed and that are not gone yet, with the time of it.
disruptionsAllowed How many pods may be evicted now.
expectedPods How many pods the budget counts in all.
observedGeneration Generation of the spec that this status was made from.
`;
