/**
 * What the fields of discovery, watches, versions and other types that are no kinds are for. The
 * form is described in texts.ts.
 */
export const metaTexts = (): string => `
@APIGroup A group of the API, and its versions.
name Name of the group.
preferredVersion Version that the server would rather be asked in.
serverAddressByClientCIDRs Addresses of the server, by where the client is. The most precise match
  counts.
versions Versions in which the group is served.
@APIGroupList
groups The groups. The core group is not among them.
@APIVersions Versions of the core group.
serverAddressByClientCIDRs Addresses of the server, by where the client is. The most precise match
  counts.
versions The versions: v1.
@GroupVersionForDiscovery A version of a group.
groupVersion Group and version in one, such as apps/v1.
version The version alone, such as v1.
@ServerAddressByClientCIDR Address of the server for clients of a network.
clientCIDR Network of the clients, such as 10.0.0.0/8.
serverAddress Address that they reach the server at: host, or host:port.
@APIResourceList
groupVersion Group and version that the resources are of, such as apps/v1.
resources The resources, subresources among them.
@APIResource A resource of the API.
categories Groups of resources that it belongs to, such as all.
group Group of its kind, where it is not that of the list, as for scale.
kind Kind of its objects, such as Deployment.
name Name in paths: the plural, or resource/subresource.
namespaced Whether its objects live in namespaces.
shortNames Short names for command lines, such as deploy.
singularName Name of one, such as deployment. Empty for subresources.
storageVersionHash Changes when the version in which objects are stored changes. To be compared,
  nothing else.
verbs What can be done: get, list, watch, create, update, patch, delete or deletecollection.
version Version of its kind, where it is not that of the list.
@ListMeta
shardInfo Which part of a list this is. Only where a part was asked for with shardSelector.
@ShardInfo Which part of a list was answered.
selector The shardSelector of the request, as the server carried it out.
@WatchEvent One event of a watch.
object The object after the change; before it for DELETED. For BOOKMARK only its resourceVersion
  counts, for ERROR it is a Status.
type ADDED, MODIFIED, DELETED, BOOKMARK or ERROR. After an ERROR the watch ends.
@Patch Body of a PATCH request. What it holds depends on its media type: a JSON patch, a merge
  patch, a strategic merge patch, or fields to apply.
@RawExtension An object of any kind, with apiVersion and kind, or of whatever form the field says.
@Info Version of the server.
buildDate When the server was built, as RFC 3339 writes it.
compiler What the program was compiled by.
emulationMajor Major version of Kubernetes whose behaviour is shown.
emulationMinor Minor version of Kubernetes whose behaviour is shown.
gitCommit Commit that the program was built from.
gitTreeState Whether the sources were those of the commit: clean or dirty.
gitVersion Whole version, such as v1.36.0.
goVersion Version of the language's runtime.
major Major version, such as 1.
minCompatibilityMajor Major version of the oldest Kubernetes that the server works with side by
  side.
minCompatibilityMinor Minor version of the oldest Kubernetes that the server works with side by
  side.
minor Minor version, such as 36.
platform System and architecture, such as linux/amd64.
@ComponentStatus Whether a part of the control plane is healthy. Deprecated: ask /readyz or /livez
  of the server.
conditions What was found: Healthy.
@ComponentCondition One aspect of a part's state.
error Why it could not be found out.
message What was answered, for people.
status True, False or Unknown.
type Healthy is the only type.
@ReplicationControllerCondition One aspect of the state of a ReplicationController.
lastTransitionTime When the status last changed.
message What happened at the last change, for people.
reason One word for why the status last changed.
status True, False or Unknown.
type What the condition is about. ReplicaFailure: pods cannot be made or deleted.
@core/ResourceClaim A claim of the pod that a container uses.
`;
