/**
 * What the environment adds to electron-builder.yml. Without a certificate the app is signed by nobody ("ad hoc"): it
 * runs on the Mac that made it, and elsewhere after "Open anyway"; the hardened runtime would refuse such an app its
 * own libraries, since they share no team.
 * @param {NodeJS.ProcessEnv} environment
 * @returns {{config: import('electron-builder').Configuration, remarks: string[]}} remarks are for people
 */
export function macConfiguration(environment) {
  const has = (/** @type {string} */ name) => (environment[name] ?? '') !== '';
  const isSigned = has('CSC_LINK') || has('CSC_NAME');
  const isNotarised = isSigned && ['APPLE_API_KEY', 'APPLE_API_KEY_ID', 'APPLE_API_ISSUER'].every(has);
  const feed = environment['SKEIN_UPDATE_URL'] ?? '';
  return {
    config: {
      ...(feed !== '' && { publish: { provider: 'generic', url: feed } }),
      mac: {
        notarize: isNotarised,
        ...(!isSigned && { identity: '-', hardenedRuntime: false }),
      },
    },
    remarks: [
      isSigned
        ? 'Signed with the certificate of CSC_LINK or CSC_NAME.'
        : 'Signed by nobody: set CSC_LINK and CSC_KEY_PASSWORD to a Developer ID.',
      isNotarised
        ? 'Notarised by Apple.'
        : 'Not notarised: set APPLE_API_KEY, APPLE_API_KEY_ID and APPLE_API_ISSUER too.',
      feed !== ''
        ? `Looks for newer versions at ${feed}: put the files of .cache/dist there.`
        : 'Without updates: set SKEIN_UPDATE_URL to where the files of .cache/dist will lie.',
    ],
  };
}
