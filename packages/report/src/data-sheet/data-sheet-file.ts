/** Name of the data sheet in the report of a run, which links it. */
export const DATA_SHEET_FILE = 'data-sheet.html';
