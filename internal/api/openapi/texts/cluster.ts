/**
 * What the fields of services, nodes, namespaces, rights and of all objects are for. The form is
 * described in texts.ts.
 */
export const clusterTexts = (): string => `
@ObjectMeta What every stored object has: its name, labels, owners and times.
name Name of the object, one of its kind in the namespace. Cannot be changed.
generateName Beginning of a name that the server completes when no name is given.
namespace Namespace that the object lives in. Cannot be changed. Empty for kinds of the whole
  cluster.
uid Identity of the object, different from that of every other there ever was. Set by the server.
resourceVersion Version of the stored object, to see whether it has changed. An update that names an
  old one is refused. Not to be compared or counted.
generation Grows with every change of what is wanted. Set by the server.
creationTimestamp CreationTimestamp is a timestamp: when the server made the object. Cannot be set.
deletionTimestamp When the object is to be gone. Set by the server when a deletion has to wait for a
  grace period or for finalizers; cannot be taken back.
deletionGracePeriodSeconds Seconds that the object has to end in order. Set with deletionTimestamp;
  can only become less.
labels Names and values by which objects are sorted and selected.
annotations Names and values that tools keep with the object. They cannot be selected by.
ownerReferences Objects that this one belongs to. When the last of them is gone this one is deleted
  too.
finalizers Who still has something to do before the object may go. Each takes its own entry away.
managedFields Which manager set which fields. Kept by the server.
selfLink Path of the object. No longer filled in.
@ManagedFieldsEntry The fields that one manager has set.
apiVersion Version of the kind that the fields are named in.
fieldsType How the fields are written. FieldsV1 is the only form.
fieldsV1 The fields.
manager Name of the manager.
operation How the fields were set: Apply or Update.
subresource Subresource that they were set through. Empty for the object itself.
time When the manager last changed the set.
@FieldsV1 A set of fields as nested objects: f:NAME is a field, k:KEYS an item of a list by its
  keys, v:VALUE one by its value, i:INDEX one by its place.
@OwnerReference An object that owns another. Both are in one namespace, or the owner belongs to the
  whole cluster.
apiVersion Group and version of the owner.
blockOwnerDeletion Whether the owner, deleted in the foreground, waits until this object is gone.
  Defaults to false.
controller Whether the owner is the controller that manages the object. Only one can be.
kind Kind of the owner.
name Name of the owner.
uid UID of the owner.
@Time A time as RFC 3339 writes it, to the second.
@MicroTime A time as RFC 3339 writes it, to the microsecond.
@Quantity A number with a unit, such as 100m, 1.5, 64Mi or 2G.
@IntOrString A whole number or a text, such as a port's name or a percentage.
@LabelSelector Chooses objects by their labels; all demands must hold. Empty chooses all, none given
  chooses nothing.
matchExpressions Demands about labels.
matchLabels Labels and the values that they must have.
@LabelSelectorRequirement A demand about one label.
key The label.
operator In, NotIn, Exists or DoesNotExist.
values Values for In and NotIn. Empty for the others.
@Condition One aspect of the state of an object.
@Condition,DeploymentCondition,ReplicaSetCondition,StatefulSetCondition,DaemonSetCondition,JobCondition,PodCondition,NodeCondition,NamespaceCondition,PersistentVolumeClaimCondition,HorizontalPodAutoscalerCondition
lastHeartbeatTime When the condition was last looked at.
lastProbeTime When the condition was last looked at.
lastTransitionTime When the status last changed.
lastUpdateTime When the condition was last written.
message What happened at the last change, for people.
observedGeneration Generation of the spec that the condition was made from.
reason One word for why the status last changed.
status True, False or Unknown.
type What the condition is about. There is one of each type.
@DeploymentCondition One aspect of the state of a Deployment.
@ReplicaSetCondition One aspect of the state of a ReplicaSet.
@StatefulSetCondition One aspect of the state of a StatefulSet.
@DaemonSetCondition One aspect of the state of a DaemonSet.
@JobCondition One aspect of the state of a Job.
@NodeCondition One aspect of the state of a node.
@NamespaceCondition One aspect of the state of a namespace that is being deleted.
@HorizontalPodAutoscalerCondition One aspect of the state of an autoscaler.
@ObjectReference Points to an object, or to a part of one.
apiVersion Group and version of the object.
fieldPath The part that is meant, such as spec.containers{name}.
kind Kind of the object.
name Name of the object.
namespace Namespace of the object.
resourceVersion Version of the object that is meant.
uid UID of the object.
@LocalObjectReference An object of the same namespace.
name Name of the object.
@SecretReference A Secret of any namespace.
name Name of the Secret.
namespace Namespace of the Secret.
@Service One address and name for the pods that serve something.
spec Which pods serve, and how they are reached.
status Where a load balancer has made the service reachable.
@ServiceSpec Which pods serve, and how they are reached.
allocateLoadBalancerNodePorts Whether a service of type LoadBalancer gets node ports. Defaults to
  true.
clusterIP Address of the service in the cluster. None makes it headless: its name leads to the pods
  themselves. Given out by the server when empty.
clusterIPs Addresses of the service, at most one for each family; the first is clusterIP.
externalIPs Further addresses on which nodes take traffic for the service. Somebody else must bring
  it there.
externalName Name that the service's name leads to, as a CNAME. Only for type ExternalName.
externalTrafficPolicy Cluster (the default): traffic from outside goes to any pod. Local: only to
  pods of the node it came to, and the client's address stays.
healthCheckNodePort Port on which nodes say whether they have pods of the service. Only for type
  LoadBalancer with externalTrafficPolicy Local.
internalTrafficPolicy Cluster (the default): traffic from within goes to any pod. Local: only to
  pods of the same node.
ipFamilies Families of the addresses: IPv4, IPv6 or both, in order.
ipFamilyPolicy SingleStack, PreferDualStack (two families where the cluster has them) or
  RequireDualStack.
loadBalancerClass Who makes the load balancer, such as example.com/internal. Cannot be changed while
  the type is LoadBalancer.
loadBalancerIP Address that is wanted from the load balancer. Deprecated; what it does depends on
  who makes it.
loadBalancerSourceRanges Networks that may come in through the load balancer. Not given: all.
ports The ports of the service.
publishNotReadyAddresses Whether names lead to pods that are not Ready as well. Meant for peers that
  look for each other.
selector Labels of the pods that serve. Without it somebody else must say where traffic goes.
sessionAffinity None (the default), or ClientIP: a client stays with one pod.
sessionAffinityConfig How long a client stays with its pod.
trafficDistribution Wish for where traffic goes first: PreferSameZone (also called PreferClose) or
  PreferSameNode.
type ClusterIP (the default), NodePort, LoadBalancer or ExternalName.
@ServicePort A port of a service.
appProtocol Protocol that is spoken, as a hint: a name of IANA, or kubernetes.io/h2c,
  kubernetes.io/ws, kubernetes.io/wss.
name Name of the port. Needed when there are several.
nodePort Port on every node that leads to the service, for types NodePort and LoadBalancer. Given
  out by the server when empty.
port Port of the service.
protocol TCP (the default), UDP or SCTP.
targetPort Port of the pods, by number or name. Defaults to port.
@ServiceStatus State of a service.
conditions State of the service.
loadBalancer State of its load balancer.
@LoadBalancerStatus,IngressLoadBalancerStatus Where a load balancer takes traffic.
ingress The addresses or names.
@LoadBalancerIngress,IngressLoadBalancerIngress One place where traffic is taken.
hostname Name of the load balancer, when it has one.
ip Address of the load balancer, when it has one.
ipMode VIP: packets arrive with this destination. Proxy: with that of a node or pod.
ports State of each port.
@PortStatus,IngressPortStatus State of one port of a load balancer.
error What is wrong with the port, in the form of a reason.
port Number of the port.
protocol TCP, UDP or SCTP.
@SessionAffinityConfig How a client stays with its pod.
clientIP Settings for affinity by the client's address.
@ClientIPConfig Affinity by the client's address.
timeoutSeconds How long a client stays, from 1 to 86400 seconds. Defaults to 10800.
@Ingress Rules that bring HTTP requests from outside to services.
spec The rules.
status Where requests are taken.
@IngressSpec Rules for requests from outside.
defaultBackend Where requests go that no rule matches.
ingressClassName IngressClass whose controller carries the rules out.
rules Rules by host. Without any, all goes to defaultBackend.
tls Certificates for hosts, on port 443.
@IngressStatus State of an Ingress.
loadBalancer Where requests are taken.
@IngressRule Rules for one host.
host Name of the host; may begin with "*." for all names one label longer. Empty: every host.
http Rules for paths of the host.
@HTTPIngressRuleValue Rules for paths.
paths The paths and where they lead.
@HTTPIngressPath A path and where it leads.
backend Where its requests go.
path The path, beginning with "/".
pathType Exact, Prefix (by parts between slashes) or ImplementationSpecific.
@IngressBackend Where requests go; one of the two is set.
resource An object of the namespace that serves them, such as a bucket.
service A port of a service of the namespace.
@IngressServiceBackend A port of a service.
name Name of the service.
port The port.
@ServiceBackendPort A port, by name or number.
name Name of the port.
number Number of the port.
@IngressTLS A certificate and its hosts.
hosts Names in the certificate. Not given: those of the controller's choice.
secretName Secret of the namespace with tls.crt and tls.key.
@NetworkPolicy Says which traffic pods may have.
spec The pods, and their traffic.
@NetworkPolicySpec Which traffic the chosen pods may have. What several policies allow adds up.
egress Traffic that the pods may send. With an empty list and policyTypes Egress: none.
ingress Traffic that the pods may get. With an empty list: none.
podSelector Labels of the pods that the policy is for. Empty: all of the namespace.
policyTypes Directions that the policy limits: Ingress, Egress or both. Defaults to Ingress, and to
  Egress where there are egress rules.
@NetworkPolicyIngressRule Traffic that is let in: it must match both from and ports.
from Where it may come from; one match is enough. Empty: from everywhere.
ports Ports that it may go to; one match is enough. Empty: all.
@NetworkPolicyEgressRule Traffic that is let out: it must match both to and ports.
ports Ports that it may go to; one match is enough. Empty: all.
to Where it may go; one match is enough. Empty: everywhere.
@NetworkPolicyPeer Pods or networks on the other side.
ipBlock Networks. Not together with the selectors.
namespaceSelector Labels of namespaces. Alone: all pods there. With podSelector: those of them that
  match.
podSelector Labels of pods, in the policy's namespace unless namespaceSelector is given.
@NetworkPolicyPort Ports of a protocol.
endPort Last port of a range that begins with port, which must then be a number.
port Port, by number or name. Not given: all.
protocol TCP (the default), UDP or SCTP.
@IPBlock A network with exceptions.
cidr The network, such as 192.168.1.0/24.
except Networks in it that are left out.
@ConfigMap Settings for programs, as keys and values.
binaryData Values that are no UTF-8 text, in base64. A key is either here or in data.
data Keys and values. Keys are made of letters, digits, "-", "_" and ".".
immutable Whether the content can no longer be changed. Cannot be taken back.
@Secret Passwords, keys and other things to be kept from most eyes.
data Keys and values, these in base64.
immutable Whether the content can no longer be changed. Cannot be taken back.
stringData Keys and values as plain text; they are moved into data and never read back.
type What the Secret is for, such as Opaque (the default), kubernetes.io/tls or
  kubernetes.io/dockerconfigjson. Cannot be changed.
@ServiceAccount An identity for programs in pods.
automountServiceAccountToken Whether pods get a token of the account mounted. A pod may say
  otherwise.
imagePullSecrets Secrets for registries that pods of the account get.
secrets Secrets that pods of the account may use, where the annotation
  kubernetes.io/enforce-mountable-secrets is true. Deprecated.
@Namespace Keeps objects of one purpose together; names need be unique only within it.
spec What holds its deletion up.
status Whether it is in use or going.
@NamespaceSpec What holds the deletion of a namespace up.
finalizers Who still has to clean up before the namespace may go.
@NamespaceStatus State of a namespace.
conditions What still holds its deletion up.
phase Active or Terminating.
@Node A machine that runs pods.
spec What it may run.
status What it is and has.
@NodeSpec What a node may run, and its networks.
configSource Where the node's configuration came from. No longer used.
externalID No longer used.
podCIDR Network that pods of the node get their addresses from.
podCIDRs Networks for pods, at most one for each family; the first is podCIDR.
providerID ID of the machine at its provider: provider://id.
taints Marks that keep pods away which do not tolerate them.
unschedulable Whether no new pods are placed here (cordoned).
@Taint A mark of a node that keeps pods away.
effect NoSchedule, PreferNoSchedule, or NoExecute, which also evicts pods that are there.
key Name of the taint.
timeAdded When the taint was added.
value Value of the taint.
@NodeStatus What a node is and has.
addresses Addresses and names of the node.
allocatable Resources that pods can have: capacity without what the node keeps for itself.
capacity Resources of the machine.
conditions State of the node: Ready, MemoryPressure, DiskPressure, PIDPressure, NetworkUnavailable.
config State of configuration from the API. No longer used.
daemonEndpoints Ports of the node's own servers.
declaredFeatures Features that the node says it has, for the scheduler.
features Features of the container runtime.
images Images that the node holds.
nodeInfo Versions and names of the machine's software.
phase No longer used.
runtimeHandlers Handlers of the container runtime and what they can do.
volumesAttached Volumes that are attached to the node.
volumesInUse Attached volumes that are mounted and must not be detached.
@NodeAddress An address or name of a node.
address The address or name.
type Hostname, InternalIP, ExternalIP, InternalDNS or ExternalDNS.
@NodeSystemInfo Versions and names of a node's software.
architecture Architecture of the processor, such as amd64.
bootID ID of this run of the kernel.
containerRuntimeVersion Container runtime and version: runtime://version.
kernelVersion Version of the kernel.
kubeProxyVersion No longer used.
kubeletVersion Version of the node agent.
machineID ID of the machine's installation, from /etc/machine-id.
operatingSystem Operating system, such as linux.
osImage Name and version of the distribution.
swap Swap memory of the machine.
systemUUID ID of the machine, from its firmware.
@NodeSwapStatus Swap memory of a machine.
capacity Size in bytes.
@NodeFeatures Features of a node's container runtime.
supplementalGroupsPolicy Whether the runtime can carry out supplementalGroupsPolicy and tell users
  of containers.
@NodeRuntimeHandler A handler of the container runtime.
features What the handler can do.
name Name of the handler. Empty for the default one.
@NodeRuntimeHandlerFeatures What a handler can do.
recursiveReadOnlyMounts Whether it can make mounts below read-only too.
userNamespaces Whether it can give pods user namespaces.
@NodeDaemonEndpoints Ports of a node's own servers.
kubeletEndpoint Port of the node agent.
@DaemonEndpoint A port of a server.
Port Number of the port.
@ContainerImage An image that a node holds.
names Names of the image.
sizeBytes Size of the image in bytes.
@AttachedVolume A volume that is attached to a node.
devicePath Path of its device on the node.
name Name of the volume.
@NodeConfigSource Where a node's configuration came from. No longer used.
configMap A ConfigMap with the configuration.
@ConfigMapNodeConfigSource A ConfigMap with a node's configuration. No longer used.
kubeletConfigKey Key that held the configuration.
name Name of the ConfigMap.
namespace Namespace of the ConfigMap.
resourceVersion Version of the ConfigMap.
uid UID of the ConfigMap.
@NodeConfigStatus State of a node's configuration. No longer used.
active Configuration in use.
assigned Configuration that was asked for.
error What was wrong with it.
lastKnownGood Last configuration that worked.
@Role,ClusterRole Rights: what may be done with which resources.
aggregationRule Other ClusterRoles whose rules are gathered into this one. Rules of its own are then
  overwritten.
rules The rights. They add up; nothing can be forbidden.
@RoleBinding,ClusterRoleBinding Gives the rights of a role to users, groups or service accounts.
roleRef The role. Cannot be changed.
subjects Who gets the rights.
@PolicyRule A set of rights.
apiGroups API groups of the resources. Empty text is the core group, "*" every group.
nonResourceURLs Paths that are not resources, such as /metrics; "*" at the end stands for anything.
  Only in ClusterRoles.
resourceNames Names of the objects that are meant. Not given: all.
resources Resources, such as pods or pods/log. "*" is every one.
verbs What may be done: get, list, watch, create, update, patch, delete, deletecollection and
  others. "*" is everything.
@AggregationRule Which ClusterRoles are gathered.
clusterRoleSelectors Labels of the ClusterRoles; matching one selector is enough.
@RoleRef A role.
apiGroup Group of the role's kind: rbac.authorization.k8s.io.
kind Role or ClusterRole.
name Name of the role.
@Subject A user, group or service account.
apiGroup Group of the kind: empty for ServiceAccount, rbac.authorization.k8s.io for User and Group.
kind User, Group or ServiceAccount.
name Name of the subject.
namespace Namespace of a service account. Empty for the others.
@ResourceQuota Limits what a namespace may use in all.
spec The limits.
status What is used.
@ResourceQuotaSpec Limits for a namespace.
hard Most of each resource that there may be.
scopeSelector Which pods count, by scope and values.
scopes Which pods count; all scopes must match. Not given: all.
@ResourceQuotaStatus Limits and use of a namespace.
hard The limits that are in force.
used What is used now.
@ScopeSelector Demands about scopes that must all hold.
matchExpressions The demands.
@ScopedResourceSelectorRequirement A demand about one scope.
operator In, NotIn, Exists or DoesNotExist.
scopeName The scope: Terminating, NotTerminating, BestEffort, NotBestEffort, PriorityClass,
  CrossNamespacePodAffinity or VolumeAttributesClass.
values Values for In and NotIn. Empty for the others.
@LimitRange Bounds and defaults for each object of a namespace.
spec The bounds.
@LimitRangeSpec Bounds and defaults for the objects of a namespace.
limits One entry for each kind of object.
@LimitRangeItem Bounds and defaults for one kind of object.
default Limits of a container that names none.
defaultRequest Requests of a container that names none.
max Most of each resource that an object may ask for.
maxLimitRequestRatio By which factor a limit may exceed the request at most.
min Least of each resource that an object must ask for.
type What the entry is for: Container, Pod or PersistentVolumeClaim.
`;
