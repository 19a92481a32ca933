/** A pod that writes to the claim `data`, at its root and below a sub path. */
export const writerOf = (name: string, command: string): string => `
apiVersion: v1
kind: Pod
metadata: {name: ${name}}
spec:
  terminationGracePeriodSeconds: 1
  securityContext: {fsGroup: 4711}
  containers:
  - name: c
    image: docker.io/library/busybox:test
    command: [sh, -c, "${command}; sleep 3600"]
    volumeMounts:
    - {name: data, mountPath: /data}
    - {name: data, mountPath: /sub, subPath: below}
  volumes: [{name: data, persistentVolumeClaim: {claimName: data}}]
`;
