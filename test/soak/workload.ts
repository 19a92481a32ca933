/** What should run all the time: one of each kind that people use, small. */
export const namespace = 'soak';

const image = 'docker.io/library/busybox:test';

/** On a volume that outlives the pod. */
export const volumeFile = '/data/written';

/** Serves the ConfigMap on port 80. A shell as process 1 that ends at once when it is told to. */
const serve = `trap 'exit 0' TERM; httpd -p 80 -h /www; while :; do sleep 1000 & wait $!; done`;
const stay = `trap 'exit 0' TERM; echo started; while :; do sleep 1000 & wait $!; done`;
const command = (script: string): string => JSON.stringify(['sh', '-c', script]);

export const workload = `
apiVersion: v1
kind: Namespace
metadata: {name: ${namespace}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: page, namespace: ${namespace}}
data: {index.html: "first"}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: ledger, namespace: ${namespace}}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: ${namespace}}
spec: {selector: {app: web}, ports: [{port: 80}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: ${namespace}}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 5
      volumes: [{name: www, configMap: {name: page}}]
      containers:
      - name: c
        image: ${image}
        command: ${command(serve)}
        volumeMounts: [{name: www, mountPath: /www}]
        readinessProbe: {httpGet: {port: 80, path: /}, periodSeconds: 2}
        livenessProbe: {exec: {command: ["true"]}, periodSeconds: 5, timeoutSeconds: 5}
---
apiVersion: v1
kind: Service
metadata: {name: db, namespace: ${namespace}}
spec: {clusterIP: None, selector: {app: db}, ports: [{port: 80}]}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db, namespace: ${namespace}}
spec:
  serviceName: db
  replicas: 2
  selector: {matchLabels: {app: db}}
  template:
    metadata: {labels: {app: db}}
    spec:
      terminationGracePeriodSeconds: 5
      volumes: [{name: www, configMap: {name: page}}]
      containers:
      - name: c
        image: ${image}
        command: ${command(serve)}
        volumeMounts: [{name: www, mountPath: /www}, {name: data, mountPath: /data}]
        startupProbe: {tcpSocket: {port: 80}, periodSeconds: 1, failureThreshold: 30}
  volumeClaimTemplates:
  - metadata: {name: data}
    spec: {storageClassName: local-path, accessModes: [ReadWriteOnce], resources: {requests: {storage: 16Mi}}}
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: each, namespace: ${namespace}}
spec:
  selector: {matchLabels: {app: each}}
  template:
    metadata: {labels: {app: each}}
    spec:
      terminationGracePeriodSeconds: 5
      tolerations: [{operator: Exists}]
      containers: [{name: c, image: ${image}, command: ${command(stay)}}]
`;

/** A pod that no API object asks for. */
export const staticPod = `
apiVersion: v1
kind: Pod
metadata: {name: fixed, namespace: default, labels: {app: fixed}}
spec:
  terminationGracePeriodSeconds: 5
  containers: [{name: c, image: ${image}, command: ${command(stay)}}]
`;

/** Work that is under way when the fault comes, and must be done in the end. */
export const job = (n: number): string => `
apiVersion: batch/v1
kind: Job
metadata: {name: job-${n}, namespace: ${namespace}, labels: {app: job}}
spec:
  backoffLimit: 20
  template:
    metadata: {labels: {app: job}}
    spec:
      restartPolicy: OnFailure
      containers: [{name: c, image: ${image}, command: [sleep, "2"]}]
`;
