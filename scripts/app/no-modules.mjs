/** For electron-builder: the bundles hold all code, so nothing is installed, rebuilt or gathered for the app. */
export default async function noModules() {
  return false;
}
