import { decode, encode } from '../wire/etcd/codec.ts';
import { etcdError } from './errors.ts';
import type { Face, Unary } from './face.ts';

/** The cluster of one member. */
export function clusterService({ header, member }: Face): Record<string, Unary> {
  /** etcd tells no revision with members: they are not keys. */
  const memberHeader = (): object => header(0);
  const self = {
    ID: member.memberId,
    name: member.name,
    peerURLs: ['http://localhost:2380'],
    clientURLs: member.clientUrls,
  };
  const known = (id: string): void => {
    if (id !== member.memberId) throw etcdError.memberNotFound();
  };
  return {
    MemberList: () => encode('MemberListResponse', { header: memberHeader(), members: [self] }),
    MemberAdd: () => {
      throw etcdError.memberNotEnoughStarted();
    },
    MemberRemove(bytes) {
      known(decode<{ ID: string }>('MemberRemoveRequest', bytes).ID);
      throw etcdError.memberNotEnoughStarted();
    },
    MemberUpdate(bytes) {
      known(decode<{ ID: string }>('MemberUpdateRequest', bytes).ID);
      return encode('MemberUpdateResponse', { header: memberHeader(), members: [self] });
    },
    MemberPromote(bytes) {
      known(decode<{ ID: string }>('MemberPromoteRequest', bytes).ID);
      throw etcdError.memberNotFound();
    },
  };
}

/** Auth as an etcd answers it that has authentication disabled and no users. */
export function authService({ store, header }: Face): Record<string, Unary> {
  const names = (): Buffer => encode('AuthNamesResponse', { header: header(store.revision) });
  const refuse =
    (error: () => Error): Unary =>
    () => {
      throw error();
    };
  return {
    AuthStatus: () =>
      encode('AuthStatusResponse', { header: header(store.revision), authRevision: 1 }),
    AuthEnable: refuse(etcdError.rootUserMissing),
    AuthDisable: () => encode('AuthNamesResponse', { header: header(store.revision) }),
    Authenticate: refuse(etcdError.authNotEnabled),
    UserList: names,
    RoleList: names,
    UserAdd: refuse(etcdError.invalidAuthManagement),
    UserGet: refuse(etcdError.userNotFound),
    UserDelete: refuse(etcdError.userNotFound),
    UserChangePassword: refuse(etcdError.userNotFound),
    UserGrantRole: refuse(etcdError.userNotFound),
    UserRevokeRole: refuse(etcdError.userNotFound),
    RoleAdd: refuse(etcdError.invalidAuthManagement),
    RoleGet: refuse(etcdError.roleNotFound),
    RoleDelete: refuse(etcdError.roleNotFound),
    RoleGrantPermission: refuse(etcdError.roleNotFound),
    RoleRevokePermission: refuse(etcdError.roleNotFound),
  };
}
