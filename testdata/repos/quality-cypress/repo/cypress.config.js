module.exports = {e2e: {supportFile: false, baseUrl: 'http://localhost:3004'}};
