// Loaded by Electron before the app: there is nobody to answer a box of the system's, so a test does.
const { dialog } = require('electron');

globalThis.dialogs = { asked: [], answer: 0 };
dialog.showMessageBox = ({ message, detail = '' }) => {
  globalThis.dialogs.asked.push(`${message} ${detail}`);
  process.stderr.write(`asked: ${message} ${detail}\n`);
  return Promise.resolve({ response: globalThis.dialogs.answer, checkboxChecked: false });
};
