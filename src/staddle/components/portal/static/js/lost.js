// The 404 page names the address that was asked for.

import "./frame.js";
import { byId } from "./dom.js";

byId("lost-path").textContent = decodeURI(location.pathname.replace(/%(?![0-9a-fA-F]{2})/g, "%25"));
