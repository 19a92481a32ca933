/**
 * What the fields of tokens, access reviews and certificate requests are for. The form is described
 * in texts.ts.
 */
export const accessTexts = (): string => `
@TokenReview Asks who a token belongs to. The answer is in the status; nothing is stored.
spec The token.
status Whose it is.
@TokenReviewSpec A token that is asked about.
audiences Names of those who ask. The token must be meant for one of them. Not given: for the API
  server.
token The bearer token. Required.
@TokenReviewStatus Whose a token is.
audiences Names out of the question that the token is meant for. Check that your own is there.
authenticated Whether the token is known and still good.
error Why the token could not be checked.
user Who the token belongs to. Empty when it is not known.
@UserInfo A user, as the server knows it.
extra More facts about the user from the authenticator, each a list of texts.
groups Groups that the user belongs to.
uid Identity of the user, different from that of others who once had the name.
username Name of the user.
@SelfSubjectReview Asks who the client itself is. Sent without content; the answer is in the status.
status Who the client is.
@SelfSubjectReviewStatus Who the client is.
userInfo The user that the request was taken for, after any impersonation.
@authentication/TokenRequest Asks for a token of a service account. Sent to its subresource token;
  nothing is stored.
spec What the token should be good for.
status The token.
@TokenRequestSpec What a token should be good for.
audiences Names of those who should accept the token. Not given: the API server.
boundObjectRef Object that the token depends on: once it is gone the token is no longer accepted.
  Not given: it depends on the service account alone.
expirationSeconds Seconds that the token should be good for, at least 600. Defaults to 3600. The
  server may give another time: see status.expirationTimestamp.
@TokenRequestStatus A token of a service account.
expirationTimestamp When the token ends.
token The bearer token.
@BoundObjectReference Object that a token depends on.
apiVersion Group and version of the object: v1.
kind Kind of the object: Pod, Secret or Node.
name Name of the object, in the namespace of the service account unless it is a Node.
uid UID of the object. When it is given, an object that has been made again is refused.
@SubjectAccessReview Asks whether a user may do something. The answer is in the status; nothing is
  stored.
spec Who, and what.
status Whether the user may.
@LocalSubjectAccessReview Asks whether a user may do something in one namespace. The right to ask
  can be given for that namespace alone.
spec Who, and what. The namespace in it must be that of the request, and it must be about a
  resource.
status Whether the user may.
@SubjectAccessReviewSpec A user, and a request to be authorized. Either resourceAttributes or
  nonResourceAttributes is given.
extra More facts about the user, each a list of texts.
groups Groups that the user belongs to. They are not looked up: name all of them. A user or a group
  is required.
nonResourceAttributes A path that is not a resource.
resourceAttributes A resource.
uid Identity of the user.
user Name of the user. Without it the question is about the groups alone.
@SelfSubjectAccessReview Asks whether the client itself may do something. The answer is in the
  status; nothing is stored.
spec What.
status Whether the client may.
@SelfSubjectAccessReviewSpec What the client wants to do. Exactly one of the two is given.
nonResourceAttributes A path that is not a resource.
resourceAttributes A resource.
@ResourceAttributes An action on a resource.
fieldSelector Fields by which a list, watch or deletecollection is narrowed. An authorizer may look
  at it; the roles of RBAC do not.
group API group. Empty is the core group, "*" every group.
labelSelector Labels by which a list, watch or deletecollection is narrowed. An authorizer may look
  at it; the roles of RBAC do not.
name Name of the object. Empty: every object.
namespace Namespace of the object. Empty: all namespaces, or a kind of the whole cluster.
resource Resource, such as pods. "*" is every one.
subresource Subresource, such as log. Empty: the object itself.
verb What should be done: get, list, watch, create, update, patch, delete, deletecollection or
  another. "*" is everything.
version API version. "*" is every version.
@NonResourceAttributes An action on a path that is not a resource.
path The path, such as /metrics.
verb Method of the request in small letters, such as get.
@FieldSelectorAttributes Fields by which a request is narrowed. Either rawSelector or requirements
  is given.
rawSelector The selector as a request writes it. It may be wrong: then it counts as none.
requirements Demands about fields, which must all hold. Those that are not understood narrow
  nothing.
@LabelSelectorAttributes Labels by which a request is narrowed. Either rawSelector or requirements
  is given.
rawSelector The selector as a request writes it. It may be wrong: then it counts as none.
requirements Demands about labels, which must all hold. Those that are not understood narrow
  nothing.
@FieldSelectorRequirement A demand about one field.
key Path of the field, such as spec.nodeName.
operator In, NotIn, Exists or DoesNotExist.
values Values for In and NotIn. Empty for the others.
@SubjectAccessReviewStatus Whether something is allowed.
allowed Whether it is.
denied Whether it is refused for good, whatever others say. When neither is true nobody allows it,
  and it is refused as well.
evaluationError What went wrong while rights were looked up. The answer may hold all the same.
reason Why it is or is not, for people.
@SelfSubjectRulesReview Asks what the client may do in a namespace. For showing, not for deciding:
  ask with a SelfSubjectAccessReview for that.
spec The namespace.
status What the client may do there.
@SelfSubjectRulesReviewSpec Where the client wants to do something.
namespace The namespace. Required.
@SubjectRulesReviewStatus What somebody may do in a namespace. The order tells nothing, and rules
  may come twice.
evaluationError What went wrong while rights were looked up. The list is then incomplete.
incomplete Whether there may be rights that are not listed.
nonResourceRules Rights to paths that are not resources.
resourceRules Rights to resources.
@ResourceRule A right to resources.
apiGroups API groups. Empty text is the core group, "*" every group.
resourceNames Names of the objects that are meant. Not given: all.
resources Resources, such as pods or pods/log. "*" is every one.
verbs What may be done. "*" is everything.
@NonResourceRule A right to paths that are not resources.
nonResourceURLs Paths, such as /healthz; "*" at the end stands for anything.
verbs What may be done, such as get. "*" is everything.
@CertificateSigningRequest Asks for a certificate. Somebody approves it, then the signer that it
  names makes the certificate.
spec The request and who signs it. Cannot be changed.
status Whether it was approved, and the certificate.
@CertificateSigningRequestSpec A request for a certificate.
expirationSeconds Seconds that the certificate should be good for, at least 600. The signer may give
  another time; without it the signer chooses.
extra More facts about who made the request. Set by the server.
groups Groups of who made the request. Set by the server.
request The request as PKCS#10 in a PEM block CERTIFICATE REQUEST, in base64.
signerName Signer that is asked, as domain/name: kubernetes.io/kube-apiserver-client,
  kubernetes.io/kube-apiserver-client-kubelet, kubernetes.io/kubelet-serving or a signer of your
  own.
uid UID of who made the request. Set by the server.
usages What the certificate should be used for, such as "digital signature", "key encipherment",
  "client auth" or "server auth". At least one; each signer allows its own.
username Name of who made the request. Set by the server.
@CertificateSigningRequestStatus What became of a request.
certificate The certificate, and those that lead to its authority, as PEM in base64. Empty until the
  signer has made it; cannot be changed afterwards.
conditions Approved or Denied by who decides, Failed by a signer that cannot sign. These cannot be
  taken back.
@CertificateSigningRequestCondition One step in the life of a request.
lastTransitionTime When the status last changed.
lastUpdateTime When the condition was last written.
message Why, for people.
reason One word for why.
status True, False or Unknown. Approved, Denied and Failed are always True.
type Approved, Denied, Failed or another. Approved and Denied exclude each other.
`;
