/**
 * What the fields of containers, probes and their states are for. The form is described in
 * texts.ts.
 */
export const containerTexts = (): string => `
@Container,EphemeralContainer A program of a pod, from an image.
args Arguments of the entry point, in the place of the image's CMD. $(NAME) is replaced by the
  variable NAME; $$(NAME) stays as it is.
command Entry point, in the place of the image's ENTRYPOINT; it is not run by a shell. $(NAME) is
  replaced as in args.
env Environment variables of the container.
envFrom Sources whose every key becomes an environment variable. Later sources win over earlier
  ones, and env over all.
image Name of the image.
imagePullPolicy When the image is pulled: Always, IfNotPresent or Never. Defaults to Always for the
  tag latest, else to IfNotPresent.
lifecycle What is done right after the start and before the end of the container.
livenessProbe Checked again and again; when it fails the container is restarted.
name Name of the container, different from all others of the pod. Cannot be changed.
ports Ports that the container listens on. What is not listed can be reached as well.
readinessProbe Checked again and again; while it fails the pod gets no traffic of services.
resizePolicy Whether a change of a resource needs a restart of the container.
resources CPU, memory and other resources that the container is given and held to.
restartPolicy When the container is started again. For an init container, Always makes it a sidecar.
restartPolicyRules Rules that decide by the exit code whether the container is started again, before
  restartPolicy does.
securityContext Security settings of this container; they win over those of the pod.
startupProbe Checked until it succeeds first; the other probes wait for it. When it fails the
  container is restarted.
stdin Whether the container has a standard input that stays open. Defaults to false.
stdinOnce Whether the standard input is closed after the first client has left. Defaults to false.
targetContainerName Container whose processes this one should see. Empty means that it sees only its
  own, or those of the pod where they are shared.
terminationMessagePath File in the container whose content becomes the message of its end, up to
  4096 bytes. Defaults to /dev/termination-log.
terminationMessagePolicy Where the message of the end comes from: File (the default), or
  FallbackToLogsOnError, the end of the log when the file is empty and the container failed.
tty Whether the container gets a terminal. Needs stdin. Defaults to false.
volumeDevices Block devices that appear in the container.
volumeMounts Volumes that are mounted into the container.
workingDir Directory that the program starts in. Defaults to the image's.
@EnvVar One environment variable.
name Name of the variable.
value Its value. $(NAME) is replaced by a variable that was set before; what is unknown stays as it
  is. Defaults to the empty text.
valueFrom Where the value comes from. Not together with value.
@EnvVarSource Where the value of a variable comes from.
configMapKeyRef A key of a ConfigMap of the namespace.
fieldRef A field of the pod, such as metadata.name, metadata.labels['key'], spec.nodeName or
  status.podIP.
fileKeyRef A key of a file in a volume that an init container has written.
resourceFieldRef A resource of a container, such as limits.cpu or requests.memory.
secretKeyRef A key of a Secret of the namespace.
@EnvFromSource Takes environment variables from all keys of an object.
configMapRef ConfigMap whose keys are taken.
prefix Text that is put before each key.
secretRef Secret whose keys are taken.
@ConfigMapEnvSource,SecretEnvSource The object whose keys become environment variables.
name Name of the object in the namespace.
optional Whether the container may start when the object is not there.
@ConfigMapKeySelector,SecretKeySelector One key of an object.
key The key.
name Name of the object in the namespace.
optional Whether the object or the key may be missing.
@FileKeySelector One key of a file with environment variables.
key The key in the file.
optional Whether the file or the key may be missing.
path Path of the file in the volume. Must be relative and must not hold "..".
volumeName Volume that holds the file.
@ObjectFieldSelector A field of the pod.
apiVersion Version of the API that the path is written for. Defaults to v1.
fieldPath Path of the field.
@ResourceFieldSelector A resource of a container.
containerName Container that is meant. Needed in volumes; elsewhere it is the container itself.
divisor Unit in which the value is told. Defaults to 1.
resource The resource, such as limits.memory.
@Lifecycle What is done around the start and the end of a container.
postStart Done right after the container was made. When it fails the container is killed and treated
  by its restart policy.
preStop Done before the container is told to end because the pod goes or a probe failed. It counts
  against the grace period.
stopSignal Signal that tells the container to end. Needs spec.os.name. Defaults to the image's, or
  SIGTERM.
@LifecycleHandler One action; exactly one field is set.
exec Runs a program in the container.
httpGet Makes an HTTP request to the container.
sleep Waits.
tcpSocket Not supported; kept so that old objects stay valid.
@ExecAction Runs a program in the container.
command Program and arguments. It is not run by a shell. Exit code zero means success.
@SleepAction Waits.
seconds How many seconds.
@GRPCAction Asks the gRPC health service of the container.
port Port of the service.
service Name of the service that is asked about. Empty asks about the server as a whole.
@HTTPGetAction Makes an HTTP request. A status from 200 to 399 means success.
host Host that is connected to. Defaults to the pod's address.
httpHeaders Headers of the request, repeated ones allowed.
path Path that is asked for.
port Number of the port, or name of a port of the container.
scheme HTTP (the default) or HTTPS. A certificate is not checked.
@HTTPHeader A header of a request.
name Name of the header.
value Its value.
@TCPSocketAction Opens a connection; when it stands the check has succeeded.
host Host that is connected to. Defaults to the pod's address.
port Number of the port, or name of a port of the container.
@Probe A check of a container's health. Exactly one of exec, grpc, httpGet and tcpSocket is set.
exec Runs a program in the container.
failureThreshold How many failures in a row count as failed. Defaults to 3.
grpc Asks the gRPC health service of the container.
httpGet Makes an HTTP request to the container.
initialDelaySeconds Seconds between the start of the container and the first check. Defaults to 0.
periodSeconds Seconds between checks. Defaults to 10.
successThreshold How many successes in a row count as well again. Must be 1 for liveness and
  startup. Defaults to 1.
tcpSocket Opens a TCP connection to the container.
terminationGracePeriodSeconds Grace period when this probe ends the container, in the place of the
  pod's. Not for readiness probes.
timeoutSeconds Seconds after which a check without an answer has failed. Defaults to 1.
@ContainerPort A port that a container listens on.
containerPort Number of the port.
hostIP Address of the node that hostPort is bound to. Defaults to all.
hostPort Port of the node that leads to the container. Seldom needed; with hostNetwork it must be
  the same as containerPort.
name Name that services and probes can use for the port. Unique in the pod.
protocol TCP (the default), UDP or SCTP.
@ContainerResizePolicy What a change of one resource does to a container.
resourceName Resource that is meant: cpu or memory.
restartPolicy NotRequired (the default), or RestartContainer.
@ContainerRestartRule A rule for the end of a container.
action What is done when the rule applies: Restart, or RestartAllContainers of the pod.
exitCodes Exit codes that the rule applies to.
@ContainerRestartRuleOnExitCodes Exit codes of a rule.
operator In: the code is one of the values. NotIn: it is none of them.
values The exit codes, at most 255 of them.
@ResourceRequirements,VolumeResourceRequirements What is asked for, and what may be used at most.
claims Claims of the pod (spec.resourceClaims) whose devices the container gets.
limits Most that may be used of each resource.
requests What is set aside of each resource. Defaults to limits where those are given. Must not be
  more than limits.
@ResourceClaim A claim to devices.
name Name of an entry of spec.resourceClaims.
request One request of the claim. Empty means all that the claim holds.
@SecurityContext Security settings of a container.
allowPrivilegeEscalation Whether a process may gain more rights than its parent has. Always true for
  privileged containers and those with CAP_SYS_ADMIN.
appArmorProfile AppArmor profile of the container; it wins over the pod's.
capabilities Capabilities that are added or taken away. Defaults to those of the runtime.
privileged Whether the container has nearly all rights of root on the node. Defaults to false.
procMount How /proc is mounted: Default masks what is dangerous, Unmasked does not and needs
  hostUsers false.
readOnlyRootFilesystem Whether the container's own file system can only be read. Defaults to false.
runAsGroup Group ID of the process; it wins over the pod's.
runAsNonRoot Whether the container is refused when it would run as root; it wins over the pod's.
runAsUser User ID of the process; it wins over the pod's. Defaults to the image's.
seLinuxOptions SELinux label of the container; it wins over the pod's.
seccompProfile Which system calls the container may make; it wins over the pod's.
windowsOptions Settings for Windows; they win over the pod's.
@Capabilities Capabilities of Linux to add or to drop.
add Capabilities that are added, such as NET_ADMIN.
drop Capabilities that are taken away. ALL means all of them.
@AppArmorProfile Which AppArmor profile is used.
localhostProfile Name of a profile that was loaded on the node. Needed for type Localhost and only
  there.
type Kind of profile: Localhost, RuntimeDefault or Unconfined.
@SeccompProfile Which system calls are allowed.
localhostProfile File with a profile, relative to the node's folder of seccomp profiles. Needed for
  type Localhost and only there.
type Kind of profile: Localhost, RuntimeDefault or Unconfined.
@SELinuxOptions A label of SELinux.
level Level of the label.
role Role of the label.
type Type of the label.
user User of the label.
@WindowsSecurityContextOptions Security settings for Windows.
gmsaCredentialSpec Content of the GMSA credential specification that gmsaCredentialSpecName names.
gmsaCredentialSpecName Name of the GMSA credential specification.
hostProcess Whether the container runs on the host itself. All containers of a pod must agree, and
  hostNetwork must be set.
runAsUserName Windows user that the entry point runs as. Defaults to the image's.
@VolumeMount Where a volume appears in a container.
mountPath Path in the container. Must not hold ":".
mountPropagation Whether later mounts pass between node and container: None (the default),
  HostToContainer or Bidirectional, which needs a privileged container.
name Name of the volume of the pod.
readOnly Whether the container can only read the volume. Defaults to false.
recursiveReadOnly Whether mounts below are read-only too: Disabled, IfPossible or Enabled. Needs
  readOnly.
subPath Path in the volume that is mounted. Defaults to its root.
subPathExpr As subPath, with $(NAME) replaced by environment variables of the container. Not
  together with subPath.
@VolumeDevice A block device in a container.
devicePath Path that the device appears at.
name Name of a volume of the pod that is a claim of volumeMode Block.
@ContainerStatus State of one container.
allocatedResources Resources that the node has set aside for the container.
allocatedResourcesStatus Health of devices that the container was given.
containerID ID of the container: runtime://id.
image Image that the container runs. May be spelled otherwise than in the spec.
imageID ID of that image, as the runtime gives it.
lastState How the container ended the last time, when it was restarted.
name Name of the container.
ready Whether its readiness probe succeeds. A container that does not run is not ready.
resources Requests and limits that are in force in the runtime.
restartCount How often the container was restarted. May start again from zero when ended containers
  were cleaned up.
started Whether the startup probe has succeeded. Always true once a container without one runs.
state What the container does now.
stopSignal Signal that will end the container.
user User and groups of the first process, as the container began.
volumeMounts State of the volumes that are mounted into the container.
@ContainerState One of running, terminated and waiting is set.
running Set while the container runs.
terminated Set when the container has ended.
waiting Set while the container has not started yet.
@ContainerStateRunning A container that runs.
startedAt When it was started.
@ContainerStateTerminated A container that has ended.
containerID ID of the ended container.
exitCode Exit code of its first process.
finishedAt When it ended.
message The message that the container left.
reason One word for why it ended, such as Completed, Error or OOMKilled.
signal Signal that ended it.
startedAt When it was started.
@ContainerStateWaiting A container that has not started yet.
message Why it waits, for people.
reason One word for why it waits, such as ImagePullBackOff or CrashLoopBackOff.
@ContainerUser Identity of a container's first process.
linux User and groups on Linux.
@LinuxContainerUser User and groups of a process.
gid Primary group ID.
supplementalGroups Further group IDs.
uid User ID.
@ResourceStatus Health of one resource of a container.
name Name of the resource, or claim:NAME for a claim.
resources Health of each device.
@ResourceHealth Health of one device.
health Healthy, Unhealthy or Unknown.
message What is known beyond that, for people.
resourceID ID of the device, unique on the node.
@VolumeMountStatus State of a mount.
mountPath Path of the mount in the container.
name Name of the volume.
readOnly Whether it can only be read.
recursiveReadOnly What came of the wish for read-only mounts below: Disabled or Enabled.
volumeStatus What is known of volumes of some kinds.
@VolumeStatus State of a volume.
image State of an image that is mounted as a volume.
@ImageVolumeStatus State of an image that is mounted as a volume.
imageRef Digest of the image that is mounted.
`;
