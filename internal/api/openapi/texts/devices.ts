/** What the fields of devices and of claims to them are for. The form is described in texts.ts. */
export const deviceTexts = (): string => `
@resource/ResourceClaim Asks for devices, such as GPUs or network cards, and says which were given.
  Pods use them through spec.resourceClaims.
spec What is asked for. Cannot be changed.
status What was given, and to whom.
@ResourceClaimSpec What is asked for.
devices The devices.
@ResourceClaimTemplate A form for ResourceClaims. One is made for each pod that names it, and
  deleted with that pod.
spec The form. Cannot be changed.
@ResourceClaimTemplateSpec A form for ResourceClaims.
metadata Labels and annotations of the claims that are made. Nothing else is allowed.
spec Spec of the claims that are made.
@DeviceClaim Which devices are asked for, how they must go together, and their settings.
config Settings for the drivers; at most 32.
constraints What the devices must have in common, or not; at most 32. All must hold.
requests The devices, one entry for each use; at most 32. All must be met.
@DeviceRequest A demand for devices. Exactly one of exactly and firstAvailable is given.
exactly Devices of one description.
firstAvailable Descriptions of which the first that can be met counts; at most 8. What comes earlier
  is preferred.
name Name of the request: a DNS label, different from all others of the claim. Containers can refer
  to it.
@ExactDeviceRequest Devices of one description.
adminAccess Whether the devices are also given while others use them, to look after them. Only in
  namespaces with the label resource.kubernetes.io/admin-access: "true". Defaults to false.
@DeviceSubRequest One description out of several.
name Name of the description: a DNS label, different from all others of the request. Referred to as
  request/name.
@ExactDeviceRequest,DeviceSubRequest
allocationMode ExactCount (the default): as many as count says. All: every device that matches and
  that the node can reach, at least one; none of them may be in use.
capacity How much of each capacity of a device is needed.
count How many devices, for allocationMode ExactCount. Defaults to 1. Not allowed for All.
deviceClassName DeviceClass that the devices must belong to. Required.
selectors What else the devices must be; at most 32. All must hold.
tolerations Taints of devices that do not keep them from being given; at most 16.
@DeviceSelector A demand about devices.
cel The demand as an expression. Required.
@CELDeviceSelector A demand about devices in CEL.
expression Expression that is true for a device that will do, such as
  device.attributes["gpu.example.com"].model == "A100". It can use device.driver, device.attributes,
  device.capacity and device.allowMultipleAllocations. At most 10 KiB. Where it fails, the claim is
  not met.
@CapacityRequirements How much of a device is needed.
requests Least quantity of each capacity, by name. A device that may be shared gives away that much,
  rounded up as its requestPolicy says; one that may not is given whole.
@DeviceConstraint What devices of a claim must have in common, or not. Exactly one of the two
  attributes is given.
distinctAttribute Attribute, as domain/name, that must be there and differ on all the devices.
matchAttribute Attribute, as domain/name, that must be there and be the same on all the devices,
  such as the node of memory that they are at.
requests Requests whose devices are meant, as name or name/subrequest. Empty: all of the claim.
@DeviceClaimConfiguration,DeviceAllocationConfiguration,DeviceClassConfiguration Settings for
  devices.
opaque Settings that only the driver understands. Required.
requests Requests whose devices get the settings, as name or name/subrequest. Empty: all of the
  claim.
source Where the settings came from: FromClass or FromClaim. Those of the claim come later, and win.
@OpaqueDeviceConfiguration Settings that only a driver understands.
driver Driver that they are for. Others pass over them.
parameters The settings: an object, at most 10 KiB, as the driver describes it; by custom with
  apiVersion and kind.
@DeviceToleration A taint of devices that does not keep them from being given.
effect Effect that is tolerated: NoSchedule, NoExecute or None. Empty: each.
key Key of the taint. Empty, with operator Exists: every taint.
operator Equal (the default), or Exists: every value is tolerated, and value must be empty.
tolerationSeconds Seconds that pods may go on after a taint NoExecute was added. Not given: for
  ever. 0 or less: they are evicted at once.
value Value of the taint, for operator Equal.
@ResourceClaimStatus What became of a claim.
allocation Devices that the claim was given. Empty while it has none. Once set it can be taken away,
  but not changed.
devices What drivers say of the devices that were given.
reservedFor Who may use the devices now, pods as a rule; at most 256. While there is an entry they
  are not taken away.
@AllocationResult Devices that a claim was given.
allocationTimestamp When they were given. Bounds how long is waited for bindingConditions.
devices The devices and their settings.
nodeSelector Nodes that the devices can be reached from. Not given: all.
@DeviceAllocationResult Devices that a claim was given, and their settings.
config Settings of the class and of the claim, those that come later winning. Drivers read their
  own.
results The devices, one entry for each; at most 32.
@DeviceRequestAllocationResult One device that a claim was given.
adminAccess Whether it was given to look after it, beside others who use it.
consumedCapacity How much of each capacity the claim takes of a device that may be shared, after
  rounding.
request Request that it was given for, as name or name/subrequest.
shareID Identity of this share, for a device that may be shared: a UUID.
tolerations Tolerations of the request, as they were when the device was given.
@AllocatedDeviceStatus What a driver says of a device that was given.
conditions State of the device; at most 8.
data More facts, as the driver chooses: an object, at most 10 KiB.
networkData Facts about a network device.
shareID Identity of the share that is meant, for a device that may be shared.
@DeviceRequestAllocationResult,AllocatedDeviceStatus
bindingConditions Conditions in status.devices that must be True before the pod is bound to its
  node; at most 4.
bindingFailureConditions Conditions in status.devices of which one that is True ends the wait: the
  device is given back and the pod scheduled again; at most 4.
device Name of the device in its pool.
driver Name of the driver: a DNS name of at most 63 characters.
pool Name of the pool that the device belongs to.
@NetworkDeviceData Facts about a network device.
hardwareAddress Hardware address, such as a MAC address; at most 128 bytes.
interfaceName Name of the interface in the pod; at most 256 bytes.
ips Addresses of the device with the length of their network, such as 192.0.2.5/24; at most 16.
@ResourceClaimConsumerReference Who may use the devices of a claim.
apiGroup Group of the resource. Empty for the core group.
name Name of the object, in the claim's namespace.
resource Resource, such as pods.
uid UID of the object.
@DeviceClass A kind of devices that claims can ask for, by name.
spec Which devices belong to it, and their settings.
@DeviceClassSpec Which devices belong to a class, and their settings. Changes count for claims that
  have no devices yet.
config Settings for the drivers, for each device that is given through the class; at most 32.
extendedResourceName Extended resource, such as example.com/gpu, by which containers can ask for
  devices of the class in their requests, without a claim.
selectors What the devices must be; at most 32. All must hold. Not given: every device will do.
@ResourceSlice Devices that a driver offers, or some of them. The slices of one pool belong
  together.
spec The devices.
@ResourceSliceSpec Devices that a driver offers. Exactly one of nodeName, nodeSelector, allNodes and
  perDeviceNodeSelection is given.
allNodes Whether every node can use the devices. True or not given.
devices The devices; at most 128, or 64 where one has taints, counters or attributes with lists. Not
  together with sharedCounters.
driver Name of the driver: a DNS name of at most 63 characters. Cannot be changed.
nodeName Node that the devices are at. Cannot be changed.
nodeSelector Labels of the nodes that can use the devices, in exactly one term.
perDeviceNodeSelection Whether each device says for itself which nodes can use it. True or not
  given.
pool Pool that the slice is part of.
sharedCounters Counters that devices of the pool draw from; at most 8 sets. Not together with
  devices.
@ResourcePool A pool of devices, told in one or more slices.
generation Number of the pool's version, from 0. Slices with a lower one than another of the pool
  are out of date and passed over.
name Name of the pool: DNS names with slashes between them, often the node's name. Cannot be
  changed.
resourceSliceCount How many slices of this generation there are, at least 1. Until all are there the
  pool is not complete.
@CounterSet Counters that devices draw from, such as parts of one card.
counters The counters by name, 1 to 32.
name Name of the set: a DNS label, different from all others of the pool.
@Counter A quantity that can be used up.
value The quantity.
@Device A device that a driver offers.
allNodes Whether every node can use the device. Only with perDeviceNodeSelection. True or not given.
allowMultipleAllocations Whether several claims can share the device, each with a part of its
  capacity. Defaults to false.
attributes Facts about the device that selectors can ask for, by name or domain/name. With capacity
  at most 32.
bindingConditions Conditions that must be True in the claim's status before the pod is bound, for
  devices that take time to get ready; at most 4. Only together with bindingFailureConditions.
bindingFailureConditions Conditions that say that the device will not get ready; at most 4. Only
  together with bindingConditions, and none that is there.
bindsToNode Whether the claim is bound to the node that was chosen, even if others could reach the
  device too. Defaults to false.
capacity Quantities of the device, by name or domain/name. With attributes at most 32.
consumesCounters What the device takes from sharedCounters of the pool; at most 2 sets. It can only
  be given while there is enough left.
name Name of the device: a DNS label, different from all others of the pool.
nodeAllocatableResourceMappings How much of the node's own resources, such as cpu or memory, a claim
  to the device takes, by resource.
nodeName Node that the device is at. Only with perDeviceNodeSelection.
nodeSelector Labels of the nodes that can use the device. Only with perDeviceNodeSelection.
taints Marks that keep the device from being given, or pods from going on with it; at most 16.
@NodeAllocatableResourceMapping How much of a resource of the node a device takes. At least one of
  the two is given.
allocationMultiplier Quantity for the device, or, with capacityKey, the factor that its consumed
  capacity is multiplied by. Must be more than 0. Defaults to 1.
capacityKey Name of a capacity of the device. What a claim consumes of it counts.
@DeviceAttribute A fact about a device. Exactly one field is set.
bool True or false.
bools Several truths. Not empty.
int A whole number.
ints Several whole numbers. Not empty.
string A text of at most 64 characters.
strings Several texts of at most 64 characters. Not empty.
version A version as semver.org 2.0.0 writes it, such as 1.2.3; at most 64 characters.
versions Several versions, each as in version. Not empty.
@DeviceCapacity A quantity of a device.
requestPolicy Which parts of it claims can take. Only for devices that may be shared.
value The whole quantity.
@CapacityRequestPolicy Which parts of a capacity claims can take. At most one of validRange and
  validValues is given; with neither, any part.
default What a claim takes that names no quantity. Required with validRange or validValues, and must
  fit them. Not given: the whole.
validRange Bounds of the part.
validValues The parts that there are, at most 10, from the least to the greatest. A request is
  rounded up to the next one.
@CapacityRequestPolicyRange Bounds of a part of a capacity.
max The most that a claim can take. A greater request is not met. Not given: the whole.
min The least that a claim can take. A smaller request is raised to it. Required.
step Distance of the quantities from min on. Requests between two are rounded up. Without it every
  quantity will do.
@DeviceCounterConsumption What a device takes from a set of counters.
counterSet Name of the set in sharedCounters of the pool.
counters How much of each counter the device takes, by name; 1 to 32.
@DeviceTaint A mark that keeps a device from being given.
effect NoSchedule: it is not given to claims that do not tolerate it. NoExecute: pods that use it
  are evicted as well. None: nothing follows.
key Name of the taint, in the form of a label's name.
timeAdded When the taint was added. Set by the server when it is left out.
value Value of the taint, in the form of a label's value.
`;
