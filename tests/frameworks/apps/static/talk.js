const said = document.getElementById("said");
const socket = new WebSocket(`ws://${location.host}/ws`);
socket.onopen = () => socket.send("hello from a browser");
socket.onmessage = (event) => { said.textContent = `The WebSocket said: ${event.data}`; };
socket.onerror = () => { said.textContent = "The WebSocket failed"; };
