mod bounds;
mod build;
mod corpus;
mod modes;
mod rules;
mod sim;
mod store;
mod ties;
